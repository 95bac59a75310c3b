package org.glasspose.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import org.junit.Test;

public class AnswersTest {
    private static final Sidecar CARD = Vectors.card();

    @Test
    public void mapsAreAveragedAndReadAsInPython() {
        for (JsonObject told : Vectors.cases(Vectors.ALL.get("heatmaps"))) {
            int[] flip = Vectors.wholes(told.get("flip"));
            Heatmaps average = maps(told, "own", flip.length).averaged(maps(told, "mirrored", flip.length), flip);
            assertArrayEquals(Vectors.floats(told.get("average")), average.values(), 1e-6f);
            Answer found = average.dark(told.get("sigma").getAsDouble());
            Vectors.assertNear(Vectors.rows(told.get("keypoints")), found.keypoints(), 0.005);
            assertArrayEquals(Vectors.numbers(told.get("scores")), found.scores(), 1e-6);
        }
    }

    private static Heatmaps maps(JsonObject told, String name, int keypoints) {
        return new Heatmaps(keypoints, told.get("height").getAsInt(), told.get("width").getAsInt(), Vectors.floats(told.get(name)));
    }

    @Test
    public void theFlipTestOutsideAsksTwiceAndAveragesOnce() {
        JsonObject told = Vectors.cases(Vectors.ALL.get("heatmaps")).get(4); // of the width that the card names
        Picture crop = Vectors.picture(Vectors.ALL.getAsJsonObject("normalised").get("crop"));
        ArrayDeque<String> asked = new ArrayDeque<>(List.of("own", "mirrored"));
        FlipTest test = new FlipTest(shown -> {
            String name = asked.remove();
            assertArrayEquals((name.equals("own") ? crop : crop.mirrored()).rgb(), shown.rgb());
            return maps(told, name, CARD.flip().length);
        }, CARD);
        assertEquals(told.get("sigma").getAsDouble(), CARD.sigma(), 0);
        Vectors.assertNear(Vectors.rows(told.get("keypoints")), test.ask(crop).keypoints(), 0.005);
        assertTrue(asked.isEmpty());
    }

    @Test
    public void theSecondPassIsFramedAsInPython() {
        int wholes = 0;
        for (JsonObject told : Vectors.cases(Vectors.ALL.get("rules"))) {
            int[] size = Vectors.wholes(told.get("size"));
            Picture picture = new Picture(size[0], size[1], new byte[size[0] * size[1] * 3]);
            double[][] keypoints = Vectors.rows(told.get("keypoints"));
            double[] scores = Vectors.numbers(told.get("scores"));
            Box whole = Box.whole(size[0], size[1]).fitted(CARD.width(), CARD.height(), 1);
            double[][] inInput = Affine.crop(whole, CARD.width(), CARD.height()).moved(keypoints);
            PoseFinder finder = new PoseFinder(CARD, crop -> new Answer(inInput, scores));
            Pose first = finder.ask(picture, whole);
            assertArrayEquals(Vectors.flags(told.get("seen")), first.seen());
            assertEquals(told.get("person_score").getAsDouble(), first.personScore(), 1e-9);
            Box second = finder.second(picture, first);
            Vectors.assertNear(Vectors.box(told.get("box")), second);
            wholes += second.equals(whole) ? 1 : 0;
        }
        assertTrue(wholes > 5);
    }

    @Test
    public void picturesGiveThePosesOfPython() throws IOException {
        Files.deleteIfExists(crops());
        for (JsonObject told : Vectors.cases(Vectors.ALL.get("passes"))) {
            ArrayDeque<JsonObject> steps = new ArrayDeque<>(Vectors.cases(told.get("steps")));
            Optional<Pose> found = new PoseFinder(CARD, crop -> answered(steps.remove(), crop)).find(Vectors.picture(told.get("picture")));
            assertTrue(steps.isEmpty());
            JsonObject people = told.getAsJsonObject("people");
            assertEquals(people.getAsJsonArray("keypoints").size(), found.isPresent() ? 1 : 0);
            if (found.isPresent()) {
                Vectors.assertNear(Vectors.rows(people.getAsJsonArray("keypoints").get(0)), found.get().keypoints(), Vectors.BOUND);
                assertArrayEquals(Vectors.flags(people.getAsJsonArray("seen").get(0)), found.get().seen());
                assertEquals(told.getAsJsonArray("person_scores").get(0).getAsDouble(), found.get().personScore(), 1e-4);
            }
        }
    }

    private static Answer answered(JsonObject step, Picture crop) {
        Vectors.assertSame(Vectors.picture(step.get("crop")), crop);
        try {
            Files.write(crops(), crop.rgb(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException problem) {
            throw new AssertionError(problem);
        }
        return new Answer(Vectors.rows(step.get("keypoints")), Vectors.numbers(step.get("scores")));
    }

    /** Where the crops go that Java cut out: Python shows them to the network. */
    private static Path crops() {
        return Path.of(System.getProperty("vectors") + ".crops");
    }

    @Test
    public void probabilitiesAndRadiiAreThoseOfPython() {
        JsonObject told = Vectors.ALL.getAsJsonObject("trust");
        Calibration.Trust trust = CARD.calibration(true).trust();
        for (int person = 0; person < told.getAsJsonArray("scores").size(); person++) {
            double[] scores = Vectors.numbers(told.getAsJsonArray("scores").get(person));
            double[][] keypoints = Vectors.rows(told.getAsJsonArray("keypoints").get(person));
            boolean[] seen = Vectors.flags(told.getAsJsonArray("seen").get(person));
            double[] chances = new double[scores.length], radii = new double[scores.length];
            for (int k = 0; k < scores.length; k++) {
                chances[k] = trust.probability(k, scores[k]);
                radii[k] = trust.radius(k, keypoints, seen[k]);
            }
            assertArrayEquals(Vectors.numbers(told.getAsJsonArray("probabilities").get(person)), chances, 1e-9);
            assertArrayEquals(Vectors.numbers(told.getAsJsonArray("radii").get(person)), radii, 1e-6);
        }
        assertEquals(null, CARD.calibration(false).trust()); // they were fitted for the flip test
    }

    @Test
    public void answersThatAreNoNumbersShowNobody() {
        double[][] nowhere = new double[CARD.keypoints().size()][2];
        double[] nothing = new double[nowhere.length];
        java.util.Arrays.fill(nothing, Double.NaN);
        Picture wall = new Picture(8, 8, new byte[192]);
        assertFalse(new PoseFinder(CARD, crop -> new Answer(nowhere, nothing)).find(wall).isPresent());
    }
}
