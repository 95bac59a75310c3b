package org.glasspose.core;

/** An affine map of points: x' = a x + b y + c, y' = d x + e y + f. Only this class and {@link Box} know where pixels are. */
public record Affine(double a, double b, double c, double d, double e, double f) {

    /** Points of a picture to those of the crop {@code box}, resized to so many pixels. */
    public static Affine crop(Box box, int width, int height) {
        double sx = width / (box.right() - box.left());
        double sy = height / (box.bottom() - box.top());
        double x = 0.5 - (box.left() + box.right()) / 2;
        double y = 0.5 - (box.top() + box.bottom()) / 2;
        return new Affine(sx, 0, sx * x + width / 2.0 - 0.5, 0, sy, sy * y + height / 2.0 - 0.5);
    }

    /** Points of a picture to those of the same picture, resized. */
    public static Affine resize(int width, int height, int newWidth, int newHeight) {
        double sx = (double) newWidth / width;
        double sy = (double) newHeight / height;
        return new Affine(sx, 0, (sx - 1) / 2, 0, sy, (sy - 1) / 2);
    }

    /** Left and right exchanged in a picture of this width. */
    public static Affine mirror(int width) {
        return new Affine(-1, 0, width - 1, 0, 1, 0);
    }

    /**
     * Points of a picture to those of a view that shows all of it, as large as it fits, in the middle. {@code mirrored} is how people know
     * themselves from the front camera: only what is drawn is mirrored, never what the network sees.
     */
    public static Affine fitted(int width, int height, int viewWidth, int viewHeight, boolean mirrored) {
        Affine placed = crop(Box.whole(width, height).fitted(viewWidth, viewHeight, 1), viewWidth, viewHeight);
        return mirrored ? placed.after(mirror(width)) : placed;
    }

    /** First {@code before}, then this. */
    public Affine after(Affine before) {
        return new Affine(
                a * before.a + b * before.d, a * before.b + b * before.e, a * before.c + b * before.f + c,
                d * before.a + e * before.d, d * before.b + e * before.e, d * before.c + e * before.f + f);
    }

    /** What undoes this. IllegalArgumentException where it flattens the plane. */
    public Affine inverse() {
        double determinant = a * e - b * d;
        if (determinant == 0 || !Double.isFinite(determinant)) {
            throw new IllegalArgumentException("a map that flattens the plane has no inverse");
        }
        double share = 1 / determinant;
        double p = e * share, q = -b * share, r = -d * share, s = a * share;
        return new Affine(p, q, -(p * c + q * f), r, s, -(r * c + s * f));
    }

    /** How much longer a length becomes: the geometric mean of both axes. */
    public double scale() {
        return Math.sqrt(Math.abs(a * e - b * d));
    }

    /** The x of a moved point. */
    public double x(double x, double y) {
        return a * x + b * y + c;
    }

    /** The y of a moved point. */
    public double y(double x, double y) {
        return d * x + e * y + f;
    }

    /** Points [K][2], moved. */
    public double[][] moved(double[][] points) {
        double[][] found = new double[points.length][];
        for (int k = 0; k < points.length; k++) {
            found[k] = new double[] {x(points[k][0], points[k][1]), y(points[k][0], points[k][1])};
        }
        return found;
    }
}
