package org.glasspose.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertThrows;

import com.google.gson.JsonObject;
import java.nio.ByteBuffer;
import org.junit.Test;

public class PixelsTest {
    @Test
    public void cropsHoldWhatPythonCutsOut() {
        int[] padding = Vectors.wholes(Vectors.ALL.get("padding"));
        for (JsonObject told : Vectors.cases(Vectors.ALL.get("warps"))) {
            Picture wanted = Vectors.picture(told.get("crop"));
            Affine map = Affine.crop(Vectors.box(told.get("box")), wanted.width(), wanted.height());
            Picture found = Warp.warped(Vectors.picture(told.get("picture")), map, wanted.width(), wanted.height(), padding);
            Vectors.assertSame(wanted, found);
        }
    }

    @Test
    public void normalisedCropsAreThoseOfPython() {
        JsonObject told = Vectors.ALL.getAsJsonObject("normalised");
        Normalisation rule = new Normalisation(false, Vectors.numbers(told.get("mean")), Vectors.numbers(told.get("deviation")));
        assertArrayEquals(Vectors.floats(told.get("values")), rule.of(Vectors.picture(told.get("crop"))), 1e-5f);
    }

    @Test
    public void cameraFramesHaveOpenCvsColoursAndStandUpright() {
        for (JsonObject told : Vectors.cases(Vectors.ALL.get("frames"))) {
            Picture found = frame(told).toPicture();
            for (int degrees : new int[] {0, 90, 180, 270}) {
                Picture wanted = Vectors.picture(told.getAsJsonObject("turned").get(Integer.toString(degrees)));
                Vectors.assertSameWithin(wanted, found.turned(degrees), 0.1); // OpenCV's factors have three digits
            }
            Vectors.assertSameWithin(Vectors.picture(told.get("mirrored")), found.mirrored(), 0.1);
        }
        assertThrows(IllegalArgumentException.class, () -> frame(Vectors.cases(Vectors.ALL.get("frames")).get(0)).toPicture().turned(45));
    }

    private static Yuv frame(JsonObject told) {
        Yuv.Plane[] planes = Vectors.cases(told.get("planes")).stream().map(PixelsTest::plane).toArray(Yuv.Plane[]::new);
        return new Yuv(told.get("width").getAsInt(), told.get("height").getAsInt(), planes[0], planes[1], planes[2]);
    }

    private static Yuv.Plane plane(JsonObject told) {
        return new Yuv.Plane(ByteBuffer.wrap(Vectors.bytes(told.get("bytes"))), told.get("row").getAsInt(), told.get("pixel").getAsInt());
    }

    @Test
    public void framesTooSmallForTheirSizeAreRefused() {
        Yuv.Plane full = new Yuv.Plane(ByteBuffer.allocate(16), 4, 1), half = new Yuv.Plane(ByteBuffer.allocate(4), 2, 1);
        new Yuv(4, 4, full, half, half);
        assertThrows(IllegalArgumentException.class, () -> new Yuv(4, 5, full, half, half));
        assertThrows(IllegalArgumentException.class, () -> new Yuv(4, 4, full, half, new Yuv.Plane(ByteBuffer.allocate(3), 2, 1)));
        assertThrows(IllegalArgumentException.class, () -> new Yuv(4, 4, full, half, new Yuv.Plane(ByteBuffer.allocate(9), 2, 2)));
        assertThrows(IllegalArgumentException.class, () -> new Yuv(0, 4, full, half, half));
        assertThrows(IllegalArgumentException.class, () -> new Picture(2, 2, new byte[11]));
    }
}
