package org.glasspose.core;

/** A rectangle counted from the picture's corner: the pixel (x, y) covers x to x + 1. */
public record Box(double left, double top, double right, double bottom) {
    private static final double SMALLEST = 1e-6;

    /** The whole of a picture. */
    public static Box whole(int width, int height) {
        return new Box(0, 0, width, height);
    }

    /** Around the pixels of the chosen points, of which there is at least one. */
    public static Box around(double[][] points, boolean[] chosen) {
        double left = Double.POSITIVE_INFINITY, top = left, right = Double.NEGATIVE_INFINITY, bottom = right;
        for (int k = 0; k < points.length; k++) {
            if (chosen[k]) {
                left = Math.min(left, points[k][0]);
                top = Math.min(top, points[k][1]);
                right = Math.max(right, points[k][0]);
                bottom = Math.max(bottom, points[k][1]);
            }
        }
        return new Box(left, top, right + 1, bottom + 1);
    }

    /** About the same centre, the smallest box that holds this one and has the aspect of the input, then {@code margin} times larger. */
    public Box fitted(int width, int height, double margin) {
        double aspect = (double) width / height;
        double high = Math.max(Math.max(bottom - top, (right - left) / aspect), SMALLEST) * margin;
        double wide = high * aspect;
        double x = (left + right) / 2, y = (top + bottom) / 2;
        return new Box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2);
    }

    /** Whether a point lies on the pixels of a picture of this size. */
    public static boolean isInside(double[] point, int width, int height) {
        return point[0] >= -0.5 && point[1] >= -0.5 && point[0] < width - 0.5 && point[1] < height - 0.5;
    }
}
