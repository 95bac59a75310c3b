package org.glasspose.sample;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.Paint;
import android.view.View;
import java.util.Optional;
import org.glasspose.core.Affine;
import org.glasspose.core.Pose;

/** The skeleton over the camera's picture, mirrored where the picture is. */
final class PoseView extends View {
    private final int[][] limbs;
    private final Paint line = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint dot = new Paint(Paint.ANTI_ALIAS_FLAG);
    private Optional<Pose> pose = Optional.empty();
    private int width = 1;
    private int height = 1;
    private boolean mirrored;

    PoseView(Context context, int[][] limbs) {
        super(context);
        this.limbs = limbs;
        float unit = getResources().getDisplayMetrics().density;
        line.setColor(Color.rgb(0, 200, 255));
        line.setStrokeWidth(4 * unit);
        line.setStrokeCap(Paint.Cap.ROUND);
        dot.setColor(Color.WHITE);
        dot.setStrokeWidth(8 * unit);
        dot.setStrokeCap(Paint.Cap.ROUND);
    }

    /** A pose in an upright frame of this size. */
    void show(Optional<Pose> found, int frameWidth, int frameHeight, boolean inMirror) {
        pose = found;
        width = frameWidth;
        height = frameHeight;
        mirrored = inMirror;
        invalidate();
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (pose.isEmpty()) {
            return;
        }
        // Points are drawn at pixel centres; Canvas counts from the corner.
        Pose placed = pose.get().moved(Affine.fitted(width, height, getWidth(), getHeight(), mirrored));
        double[][] points = placed.keypoints();
        boolean[] seen = placed.seen();
        for (int[] limb : limbs) {
            double[] one = points[limb[0]], other = points[limb[1]];
            if (seen[limb[0]] && seen[limb[1]]) {
                canvas.drawLine(corner(one[0]), corner(one[1]), corner(other[0]), corner(other[1]), line);
            }
        }
        for (int k = 0; k < points.length; k++) {
            if (seen[k]) {
                canvas.drawPoint(corner(points[k][0]), corner(points[k][1]), dot);
            }
        }
    }

    private static float corner(double centre) {
        return (float) (centre + 0.5);
    }
}
