package org.glasspose.sample;

import android.os.SystemClock;
import androidx.annotation.NonNull;
import androidx.camera.core.ImageAnalysis;
import androidx.camera.core.ImageProxy;
import java.util.Optional;
import org.glasspose.core.Picture;
import org.glasspose.core.Pose;
import org.glasspose.core.PoseFinder;
import org.glasspose.core.Yuv;

/** Each camera frame: its colours, upright, and the pose in it. Frames are closed as soon as they are read, and kept nowhere. */
final class FrameReader implements ImageAnalysis.Analyzer {
    private final PoseFinder finder;
    private final Listener listener;

    /** Is told on the thread of the analysis. */
    interface Listener {
        /** The pose in an upright frame of this size, and how many milliseconds it took. */
        void found(Optional<Pose> pose, int width, int height, long took);
    }

    FrameReader(PoseFinder finder, Listener listener) {
        this.finder = finder;
        this.listener = listener;
    }

    @Override
    public void analyze(@NonNull ImageProxy image) {
        long began = SystemClock.elapsedRealtime();
        Picture upright;
        try (image) {
            ImageProxy.PlaneProxy[] planes = image.getPlanes();
            Yuv frame = new Yuv(image.getWidth(), image.getHeight(), plane(planes[0]), plane(planes[1]), plane(planes[2]));
            upright = frame.toPicture().turned(image.getImageInfo().getRotationDegrees());
        }
        Optional<Pose> pose = finder.find(upright);
        listener.found(pose, upright.width(), upright.height(), SystemClock.elapsedRealtime() - began);
    }

    private static Yuv.Plane plane(ImageProxy.PlaneProxy plane) {
        return new Yuv.Plane(plane.getBuffer(), plane.getRowStride(), plane.getPixelStride());
    }
}
