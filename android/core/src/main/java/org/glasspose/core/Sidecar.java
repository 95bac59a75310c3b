package org.glasspose.core;

import com.google.gson.JsonArray;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;

/**
 * What an exported file says of itself, from {@code FILE.json} (docs/export.md). Nobody vouches for it: whatever is missing, of another type or
 * out of bounds is refused with a {@link SidecarException}.
 *
 * <p>{@code sigma} is that of the codec where its maps can be read off by DARK outside the file, else 0.
 */
public record Sidecar(String name, String to, int width, int height, int[] padding, Normalisation normalisation, boolean flipTest, int[] flip,
        boolean mirrors, Framing framing, List<String> keypoints, int[][] limbs, Calibration calibration, boolean trustOfFlipTest, double sigma,
        File file) {
    private static final int LARGEST_TEXT = 1 << 20;
    private static final int LARGEST_FILE = 256 << 20;
    private static final int MOST_KEYPOINTS = 512;
    private static final int LARGEST_SIDE = 2048;

    /** The numbers of the two passes. */
    public record Framing(double margin, double portraitMargin, double likely, int fewest, int[] lowerBody, int fewestBelow, int strongest) {}

    /** Which file it is about. */
    public record File(String name, String sha256, int bytes) {}

    /** From the text of a sidecar of this form ({@code executorch}, say). */
    public static Sidecar parsed(byte[] utf8, String form) throws SidecarException {
        if (utf8.length > LARGEST_TEXT) {
            throw Fields.wrong("a sidecar of " + utf8.length + " bytes");
        }
        Fields all = Fields.parsed(new String(utf8, StandardCharsets.UTF_8));
        all.is("format", "glasspose.export");
        all.whole("version", 1, 1);
        all.is("to", form);
        Fields input = all.within("input"), skeleton = all.within("skeleton");
        input.is("type", "uint8");
        input.is("channels", "RGB");
        JsonArray shape = input.list("shape", 4, 4);
        int height = side(shape, 1), width = side(shape, 2);
        Fields.whole(shape.get(3), "input.shape", Picture.CHANNELS, Picture.CHANNELS);
        List<String> names = List.of(skeleton.texts("keypoints", MOST_KEYPOINTS));
        int count = names.size();
        if (new HashSet<>(names).size() != count) {
            throw Fields.wrong("two keypoints have one name");
        }
        boolean flipTest = all.flag("flip_test");
        boolean trustOfFlipTest = all.within("calibration").has("trust") && all.within("calibration").within("trust").flag("flip_test");
        return new Sidecar(all.text("name"), form, width, height, input.wholes("padding", 3, 3, 0, 255), normalisation(input.within("normalisation")),
                flipTest, flip(all, count), all.flag("mirrors"), framing(all.within("framing"), count), names,
                pairs(skeleton, "limbs", count), calibration(all.within("calibration"), count), trustOfFlipTest, sigma(all.within("codec")),
                file(all.within("file")));
    }

    /** Thresholds, and with them probabilities where they were fitted for scores of this kind. */
    public Calibration calibration(boolean flipTested) {
        return flipTested == trustOfFlipTest ? calibration : new Calibration(calibration.seen(), calibration.person(), null);
    }

    /** Whether the mirrored crop can be asked outside the file, which does not do so itself. */
    public boolean mayFlip() {
        return !flipTest && mirrors && sigma > 0;
    }

    /** Refuses a file that is not the one that the sidecar was written for. */
    public void check(byte[] contents) throws SidecarException {
        try {
            byte[] found = MessageDigest.getInstance("SHA-256").digest(contents);
            StringBuilder hex = new StringBuilder();
            for (byte one : found) {
                hex.append(Character.forDigit((one >> 4) & 15, 16)).append(Character.forDigit(one & 15, 16));
            }
            if (contents.length != file.bytes() || !hex.toString().equals(file.sha256())) {
                throw Fields.wrong(file.name() + " is not the file that the sidecar was written for");
            }
        } catch (NoSuchAlgorithmException problem) {
            throw new IllegalStateException(problem); // every Java has it
        }
    }

    private static int side(JsonArray shape, int place) throws SidecarException {
        int found = Fields.whole(shape.get(place), "input.shape", Heatmaps.STRIDE, LARGEST_SIDE);
        if (found % Heatmaps.STRIDE != 0) {
            throw Fields.wrong("input.shape has a side of " + found);
        }
        return found;
    }

    private static Normalisation normalisation(Fields fields) throws SidecarException {
        return new Normalisation(fields.flag("inside"), fields.numbers("mean", 3, 0, 1), fields.numbers("deviation", 3, 1e-3, 10));
    }

    private static int[] flip(Fields all, int count) throws SidecarException {
        int[] flip = all.wholes("flip", count, count, 0, count - 1);
        for (int k = 0; k < count; k++) {
            if (flip[flip[k]] != k) {
                throw Fields.wrong("flip: the twin of a keypoint's twin is another one");
            }
        }
        return flip;
    }

    private static Framing framing(Fields rule, int count) throws SidecarException {
        int[] lower = rule.wholes("lower_body", 0, count, 0, count - 1);
        if (Arrays.stream(lower).distinct().count() != lower.length) {
            throw Fields.wrong("framing.lower_body names a keypoint twice");
        }
        return new Framing(rule.number("margin", 1, 10), rule.number("portrait_margin", 1, 10), rule.number("likely", 0, 1),
                rule.whole("fewest", 1, MOST_KEYPOINTS), lower, rule.whole("fewest_below", 0, MOST_KEYPOINTS),
                rule.whole("strongest", 1, MOST_KEYPOINTS));
    }

    private static int[][] pairs(Fields skeleton, String name, int count) throws SidecarException {
        JsonArray list = skeleton.list(name, 0, MOST_KEYPOINTS);
        int[][] found = new int[list.size()][2];
        for (int i = 0; i < found.length; i++) {
            JsonArray pair = Fields.list(list.get(i), "skeleton." + name, 2, 2);
            for (int end = 0; end < 2; end++) {
                found[i][end] = Fields.whole(pair.get(end), "skeleton." + name, 0, count - 1);
            }
        }
        return found;
    }

    private static Calibration calibration(Fields fields, int count) throws SidecarException {
        Calibration.Trust trust = fields.has("trust") ? trust(fields.within("trust"), count) : null;
        return new Calibration(fields.numbers("seen", count, 0, 1), fields.number("person", 0, 1), trust);
    }

    private static Calibration.Trust trust(Fields fields, int count) throws SidecarException {
        JsonArray lines = fields.list("probability", count, count), rows = fields.list("radius", count, count);
        double[][][] knots = new double[count][][];
        double[][] radius = new double[count][];
        for (int k = 0; k < count; k++) {
            JsonArray line = Fields.list(lines.get(k), "calibration.trust.probability", 1, 1000);
            knots[k] = new double[line.size()][];
            for (int i = 0; i < line.size(); i++) {
                knots[k][i] = Fields.numbers(line.get(i), "calibration.trust.probability", 2, 0, 1);
                if (i > 0 && knots[k][i][0] < knots[k][i - 1][0]) {
                    throw Fields.wrong("calibration.trust.probability is not in rising order");
                }
            }
            radius[k] = Fields.numbers(rows.get(k), "calibration.trust.radius", 4, 0, 1e6);
        }
        return new Calibration.Trust(knots, radius, fields.number("large", 0, 1e6));
    }

    private static double sigma(Fields codec) throws SidecarException {
        boolean read = codec.text("kind").equals("heatmap") && codec.text("target").equals("gaussian") && codec.text("decoder").equals("dark");
        return read ? codec.number("sigma", 0.1, 100) : 0;
    }

    private static File file(Fields fields) throws SidecarException {
        String name = fields.text("name"), checksum = fields.text("sha256");
        if (!name.matches("[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}")) {
            throw Fields.wrong("file.name is no plain file name");
        }
        if (!checksum.matches("[0-9a-f]{64}")) {
            throw Fields.wrong("file.sha256 is no checksum");
        }
        return new File(name, checksum, fields.whole("bytes", 1, LARGEST_FILE));
    }
}
