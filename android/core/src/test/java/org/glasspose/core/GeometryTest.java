package org.glasspose.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import com.google.gson.JsonObject;
import org.junit.Test;

public class GeometryTest {
    private static final JsonObject GEOMETRY = Vectors.ALL.getAsJsonObject("geometry");

    @Test
    public void pointsMoveAsInPython() {
        for (JsonObject told : Vectors.cases(GEOMETRY.get("cases"))) {
            int[] size = Vectors.wholes(told.get("size")), view = Vectors.wholes(told.get("view"));
            double[][] points = Vectors.rows(told.get("points"));
            Affine crop = Affine.crop(Vectors.box(told.get("box")), size[0], size[1]);
            moves(told, "cropped", crop, points);
            moves(told, "uncropped", crop.inverse(), points);
            moves(told, "resized", Affine.resize(size[0], size[1], view[0], view[1]), points);
            moves(told, "mirrored", Affine.mirror(size[0]), points);
            moves(told, "shown", Affine.fitted(size[0], size[1], view[0], view[1], false), points);
            moves(told, "shown_mirrored", Affine.fitted(size[0], size[1], view[0], view[1], true), points);
        }
    }

    private static void moves(JsonObject told, String name, Affine map, double[][] points) {
        Vectors.assertNear(Vectors.rows(told.get(name)), map.moved(points), 1e-6);
    }

    @Test
    public void boxesGrowAsInPython() {
        for (JsonObject told : Vectors.cases(GEOMETRY.get("cases"))) {
            int[] size = Vectors.wholes(told.get("size"));
            double[][] points = Vectors.rows(told.get("points"));
            Box fitted = Vectors.box(told.get("box")).fitted(size[0], size[1], told.get("margin").getAsDouble());
            Vectors.assertNear(Vectors.box(told.get("fitted")), fitted);
            Vectors.assertNear(Vectors.box(told.get("extent")), Box.around(points, Vectors.flags(told.get("chosen"))));
            insides(told, points, size);
        }
        JsonObject edges = GEOMETRY.getAsJsonObject("edges");
        insides(edges, Vectors.rows(edges.get("points")), Vectors.wholes(edges.get("size")));
    }

    private static void insides(JsonObject told, double[][] points, int[] size) {
        boolean[] found = new boolean[points.length];
        for (int i = 0; i < found.length; i++) {
            found[i] = Box.isInside(points[i], size[0], size[1]);
        }
        assertArrayEquals(Vectors.flags(told.get("inside")), found);
    }

    @Test
    public void aFlatMapHasNoInverse() {
        assertThrows(IllegalArgumentException.class, () -> new Affine(1, 2, 0, 2, 4, 0).inverse());
        assertEquals(2, new Affine(2, 0, 5, 0, 2, 5).scale(), 1e-12);
    }
}
