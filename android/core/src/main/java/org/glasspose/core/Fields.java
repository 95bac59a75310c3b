package org.glasspose.core;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;

/** Values out of a JSON object that nobody vouches for: every one is asked for by name, type and bounds. */
final class Fields {
    private static final int LONGEST_TEXT = 1000;
    private final JsonObject object;
    private final String where;

    private Fields(JsonObject object, String where) {
        this.object = object;
        this.where = where;
    }

    static Fields parsed(String text) throws SidecarException {
        JsonReader reader = new JsonReader(new StringReader(text));
        try {
            JsonElement read = new Gson().getAdapter(JsonElement.class).read(reader);
            if (read.isJsonObject() && reader.peek() == JsonToken.END_DOCUMENT) {
                return new Fields(read.getAsJsonObject(), "");
            }
        } catch (IOException | JsonParseException | NumberFormatException problem) {
            throw wrong("the sidecar is not JSON");
        }
        throw wrong("the sidecar is not one JSON object");
    }

    static SidecarException wrong(String problem) {
        return new SidecarException(problem, "Write it again with `glasspose export`, and copy both files");
    }

    Fields within(String name) throws SidecarException {
        JsonElement found = object.get(name);
        if (found == null || !found.isJsonObject()) {
            throw wrong(where + name + " is missing");
        }
        return new Fields(found.getAsJsonObject(), where + name + ".");
    }

    boolean has(String name) {
        return object.has(name) && !object.get(name).isJsonNull();
    }

    String text(String name) throws SidecarException {
        return text(object.get(name), where + name);
    }

    private static String text(JsonElement found, String name) throws SidecarException {
        if (found instanceof JsonPrimitive value && value.isString() && value.getAsString().length() <= LONGEST_TEXT) {
            return value.getAsString();
        }
        throw wrong(name + " is no text");
    }

    void is(String name, String wanted) throws SidecarException {
        if (!text(name).equals(wanted)) {
            throw wrong(where + name + " is not " + wanted);
        }
    }

    boolean flag(String name) throws SidecarException {
        if (object.get(name) instanceof JsonPrimitive value && value.isBoolean()) {
            return value.getAsBoolean();
        }
        throw wrong(where + name + " is neither true nor false");
    }

    double number(String name, double least, double most) throws SidecarException {
        return number(object.get(name), where + name, least, most);
    }

    int whole(String name, int least, int most) throws SidecarException {
        return whole(object.get(name), where + name, least, most);
    }

    static double number(JsonElement found, String name, double least, double most) throws SidecarException {
        if (found instanceof JsonPrimitive value && value.isNumber()) {
            double number = value.getAsDouble();
            if (number >= least && number <= most) {
                return number;
            }
        }
        throw wrong(name + " is no number from " + least + " to " + most);
    }

    static int whole(JsonElement found, String name, int least, int most) throws SidecarException {
        double number = number(found, name, least, most);
        if (number != Math.rint(number)) {
            throw wrong(name + " is no whole number");
        }
        return (int) number;
    }

    JsonArray list(String name, int least, int most) throws SidecarException {
        return list(object.get(name), where + name, least, most);
    }

    static JsonArray list(JsonElement found, String name, int least, int most) throws SidecarException {
        if (found instanceof JsonArray list && list.size() >= least && list.size() <= most) {
            return list;
        }
        throw wrong(name + " is no list of " + least + (least == most ? "" : " to " + most));
    }

    double[] numbers(String name, int count, double least, double most) throws SidecarException {
        return numbers(object.get(name), where + name, count, least, most);
    }

    static double[] numbers(JsonElement found, String name, int count, double least, double most) throws SidecarException {
        double[] out = new double[count];
        JsonArray list = list(found, name, count, count);
        for (int i = 0; i < count; i++) {
            out[i] = number(list.get(i), name, least, most);
        }
        return out;
    }

    int[] wholes(String name, int fewest, int count, int least, int most) throws SidecarException {
        JsonArray list = list(name, fewest, count);
        int[] out = new int[list.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = whole(list.get(i), where + name, least, most);
        }
        return out;
    }

    String[] texts(String name, int most) throws SidecarException {
        JsonArray list = list(name, 1, most);
        String[] out = new String[list.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = text(list.get(i), where + name);
        }
        return out;
    }
}
