package org.glasspose.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** The file that android/vectors.py has written, named by the system property {@code vectors}. */
final class Vectors {
    /** Pixels: what the tests allow everywhere; the arithmetic is the same, so most differences are far smaller. */
    static final double BOUND = 0.05;
    static final JsonObject ALL = read();

    private Vectors() {}

    private static JsonObject read() {
        try {
            return JsonParser.parseString(Files.readString(Path.of(System.getProperty("vectors")))).getAsJsonObject();
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    static List<JsonObject> cases(JsonElement list) {
        List<JsonObject> found = new ArrayList<>();
        list.getAsJsonArray().forEach(one -> found.add(one.getAsJsonObject()));
        if (found.isEmpty()) {
            throw new AssertionError("no cases");
        }
        return found;
    }

    static double[] numbers(JsonElement list) {
        JsonArray array = list.getAsJsonArray();
        double[] out = new double[array.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = array.get(i).getAsDouble();
        }
        return out;
    }

    static int[] wholes(JsonElement list) {
        double[] numbers = numbers(list);
        int[] out = new int[numbers.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = (int) numbers[i];
        }
        return out;
    }

    static double[][] rows(JsonElement list) {
        JsonArray array = list.getAsJsonArray();
        double[][] out = new double[array.size()][];
        for (int i = 0; i < out.length; i++) {
            out[i] = numbers(array.get(i));
        }
        return out;
    }

    static boolean[] flags(JsonElement list) {
        JsonArray array = list.getAsJsonArray();
        boolean[] out = new boolean[array.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = array.get(i).getAsBoolean();
        }
        return out;
    }

    static byte[] bytes(JsonElement text) {
        return Base64.getDecoder().decode(text.getAsString());
    }

    static float[] floats(JsonElement text) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes(text)).order(ByteOrder.LITTLE_ENDIAN);
        float[] out = new float[buffer.remaining() / Float.BYTES];
        buffer.asFloatBuffer().get(out);
        return out;
    }

    static Picture picture(JsonElement value) {
        JsonObject shown = value.getAsJsonObject();
        return new Picture(shown.get("width").getAsInt(), shown.get("height").getAsInt(), bytes(shown.get("rgb")));
    }

    static Box box(JsonElement list) {
        double[] ends = numbers(list);
        return new Box(ends[0], ends[1], ends[2], ends[3]);
    }

    static Sidecar card() {
        try {
            return Sidecar.parsed(ALL.get("sidecar").getAsString().getBytes(StandardCharsets.UTF_8), "executorch");
        } catch (SidecarException problem) {
            throw new AssertionError(problem);
        }
    }

    static void assertNear(double[][] wanted, double[][] found, double bound) {
        assertEquals(wanted.length, found.length);
        for (int i = 0; i < wanted.length; i++) {
            assertArrayEquals(wanted[i], found[i], bound);
        }
    }

    static void assertNear(Box wanted, Box found) {
        double[] one = {wanted.left(), wanted.top(), wanted.right(), wanted.bottom()};
        assertArrayEquals(one, new double[] {found.left(), found.top(), found.right(), found.bottom()}, 1e-6);
    }

    /** At most one level apart, and that in one value of a thousand. */
    static void assertSame(Picture wanted, Picture found) {
        assertSameWithin(wanted, found, 0.001);
    }

    /** At most one level apart, and that in this share of the values. */
    static void assertSameWithin(Picture wanted, Picture found, double share) {
        assertEquals(wanted.width(), found.width());
        assertEquals(wanted.height(), found.height());
        int apart = 0;
        for (int i = 0; i < wanted.rgb().length; i++) {
            int difference = Math.abs((wanted.rgb()[i] & 0xff) - (found.rgb()[i] & 0xff));
            if (difference > 1) {
                throw new AssertionError("value " + i + " is " + difference + " levels off");
            }
            apart += difference;
        }
        if (apart > share * wanted.rgb().length) {
            throw new AssertionError(apart + " of " + wanted.rgb().length + " values differ by a level");
        }
    }
}
