package org.glasspose.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import org.junit.Test;

public class SidecarTest {
    private static final String TEXT = Vectors.ALL.get("sidecar").getAsString();

    private static Sidecar parsed(String text) throws SidecarException {
        return Sidecar.parsed(text.getBytes(StandardCharsets.UTF_8), "executorch");
    }

    private static void refuses(String text, String named) {
        SidecarException problem = assertThrows(named, SidecarException.class, () -> parsed(text));
        assertTrue(problem.getMessage(), problem.getMessage().contains(named));
        assertFalse(problem.getMessage().contains("\n"));
        assertFalse(problem.remedy().isEmpty());
    }

    /** The card with one value replaced; the value null takes it away. */
    private static String with(String path, String value) {
        JsonObject all = JsonParser.parseString(TEXT).getAsJsonObject(), object = all;
        String[] names = path.split("\\.");
        for (int i = 0; i < names.length - 1; i++) {
            object = object.getAsJsonObject(names[i]);
        }
        JsonElement old = object.remove(names[names.length - 1]);
        assertTrue(path, old != null);
        if (value != null) {
            object.add(names[names.length - 1], JsonParser.parseString(value));
        }
        return all.toString();
    }

    @Test
    public void theExportersSidecarIsRead() throws SidecarException {
        Sidecar card = parsed(TEXT);
        assertEquals(14, card.keypoints().size());
        assertEquals(128, card.width());
        assertArrayEquals(new int[] {124, 116, 104}, card.padding());
        assertEquals(3, card.framing().portraitMargin(), 0);
        assertTrue(card.mayFlip());
        assertTrue(card.normalisation().inside());
        assertEquals(14, card.limbs().length);
        assertFalse(parsed(with("flip_test", "true")).mayFlip());
        assertFalse(parsed(with("mirrors", "false")).mayFlip());
        assertFalse(parsed(with("codec", "{\"kind\": \"rle\"}")).mayFlip());
    }

    @Test
    public void aFileThatIsAnotherIsRefused() throws SidecarException {
        byte[] model = Vectors.bytes(Vectors.ALL.get("model"));
        parsed(TEXT).check(model);
        model[3] ^= 1;
        assertThrows(SidecarException.class, () -> parsed(TEXT).check(model));
        assertThrows(SidecarException.class, () -> parsed(TEXT).check(new byte[0]));
    }

    @Test
    public void whatIsNoJsonObjectIsRefused() {
        for (String text : new String[] {"", "null", "[]", "{", "{} {}", "{'a': 1}", "{\"format\": NaN}", "\u0000", TEXT + ","}) {
            refuses(text, "sidecar");
        }
        refuses("[".repeat(200_000), "sidecar");
        refuses(" ".repeat(2_000_000), "sidecar");
        SidecarException problem = assertThrows(SidecarException.class, () -> Sidecar.parsed(TEXT.getBytes(StandardCharsets.UTF_8), "litert"));
        assertTrue(problem.getMessage().contains("to"));
    }

    @Test
    public void everyMissingValueIsNamed() {
        String[] needed = {"format", "version", "name", "to", "input", "input.shape", "input.type", "input.channels", "input.padding",
            "input.normalisation", "input.normalisation.inside", "flip_test", "flip", "mirrors", "framing", "framing.margin",
            "framing.portrait_margin", "framing.likely", "framing.fewest", "framing.lower_body", "framing.fewest_below", "framing.strongest",
            "skeleton", "skeleton.keypoints", "skeleton.limbs", "calibration", "calibration.seen", "calibration.person", "codec", "codec.kind",
            "calibration.trust.flip_test", "file", "file.name", "file.sha256", "file.bytes"};
        for (String name : needed) {
            refuses(with(name, null), name);
            refuses(with(name, "null"), name);
            refuses(with(name, "{\"a\": []}"), name);
        }
    }

    @Test
    public void valuesOutOfBoundsAreNamed() {
        String[][] wrong = {
            {"format", "\"another\""}, {"version", "2"}, {"input.shape", "[1, 128, 128, 4]"}, {"input.shape", "[1, 126, 128, 3]"},
            {"input.shape", "[1, 99999, 128, 3]"}, {"input.type", "\"float32\""}, {"input.padding", "[0, 0, 256]"}, {"input.padding", "[0, 0.5, 0]"},
            {"flip", "[0]"}, {"flip", "[5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 14]"}, {"flip", "[1, 2, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]"},
            {"framing.margin", "1e400"}, {"framing.margin", "-1"}, {"framing.likely", "\"0.5\""}, {"framing.fewest", "1.5"},
            {"framing.lower_body", "[14]"}, {"framing.lower_body", "[1, 1]"}, {"framing.strongest", "0"}, {"skeleton.limbs", "[[0, 14]]"},
            {"skeleton.limbs", "[[0]]"}, {"calibration.person", "1.5"}, {"calibration.seen", "[0.1]"}, {"file.name", "\"../x.pte\""},
            {"file.name", "\"a/b\""}, {"file.sha256", "\"00\""}, {"file.bytes", "1e12"}, {"codec.sigma", "0"}, {"calibration.trust.large", "-1"},
            {"calibration.trust.probability", "[]"}, {"flip_test", "1"}};
        for (String[] one : wrong) {
            refuses(with(one[0], one[1]), one[0]);
        }
        refuses(with("skeleton.keypoints", "[\"nose\", \"nose\"]"), "keypoints");
        refuses(with("skeleton.keypoints", "[\"nose\", 3]"), "keypoints");
    }
}
