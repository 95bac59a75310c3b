"""Declarations of the classes that the Android sample's app uses, written by hand after their public reference: enough for javac, nothing runs.

They show that the app is well-formed and fits the core. That the real classes look so, only a build with Google's tools shows.
"""

import re
import xml.etree.ElementTree as ElementTree

DECLARATIONS = """
package android; public final class Manifest { public static final class permission { public static final String CAMERA = "CAMERA"; } }
package android.content.pm; public abstract class PackageManager { public static final int PERMISSION_GRANTED = 0; }
package android.content.res; public final class AssetManager { public native java.io.InputStream open(String n) throws java.io.IOException; }
package android.content.res; public class Resources { public native android.util.DisplayMetrics getDisplayMetrics(); }
package android.util; public class DisplayMetrics { public float density; }
package android.content; public abstract class Context {
  public abstract android.content.res.AssetManager getAssets(); public abstract java.io.File getNoBackupFilesDir();
  public final String getString(int id, Object... with) { return null; } }
package android.os; public final class Bundle {}
package android.os; public final class SystemClock { public static native long elapsedRealtime(); }
package android.graphics; public class Color { public static native int rgb(int r, int g, int b); public static final int WHITE = -1; }
package android.graphics; public class Paint { public static final int ANTI_ALIAS_FLAG = 1; public Paint(int flags) {} public enum Cap { ROUND }
  public native void setColor(int c); public native void setStrokeWidth(float w); public native void setStrokeCap(Cap c); }
package android.graphics; public class Canvas { public native void drawLine(float a, float b, float c, float d, Paint p);
  public native void drawPoint(float x, float y, Paint p); }
package android.view; public class View { public View(android.content.Context c) {} public interface OnClickListener { void onClick(View v); }
  public native android.content.res.Resources getResources(); public native void invalidate(); public final native int getWidth();
  public final native int getHeight(); protected void onDraw(android.graphics.Canvas c) {} public native void setOnClickListener(OnClickListener l);
  public native void setFitsSystemWindows(boolean f); }
package android.view; public class ViewGroup extends View { public ViewGroup(android.content.Context c) { super(c); }
  public static class LayoutParams { public static final int WRAP_CONTENT = -2; }
  public native void addView(View v); public native void addView(View v, LayoutParams p); }
package android.view; public class Gravity { public static final int TOP = 1, START = 2, BOTTOM = 3, CENTER_HORIZONTAL = 4; }
package android.widget; public class FrameLayout extends android.view.ViewGroup { public FrameLayout(android.content.Context c) { super(c); }
  public static class LayoutParams extends android.view.ViewGroup.LayoutParams { public LayoutParams(int w, int h, int gravity) {} } }
package android.widget; public class TextView extends android.view.View { public TextView(android.content.Context c) { super(c); }
  public final void setText(CharSequence t) {} public final void setText(int id) {} }
package android.widget; public class Button extends TextView { public Button(android.content.Context c) { super(c); } }
package androidx.annotation; public @interface NonNull {}
package androidx.activity.result; public abstract class ActivityResultLauncher<I> { public void launch(I input) {} }
package androidx.activity.result; public interface ActivityResultCallback<O> { void onActivityResult(O result); }
package androidx.activity.result.contract; public abstract class ActivityResultContract<I, O> {}
package androidx.activity.result.contract; public final class ActivityResultContracts {
  public static final class RequestPermission extends ActivityResultContract<String, Boolean> {} }
package androidx.lifecycle; public interface LifecycleOwner {}
package androidx.appcompat.app; public class AppCompatActivity extends android.content.Context implements androidx.lifecycle.LifecycleOwner {
  protected void onCreate(android.os.Bundle b) {} protected void onDestroy() {} public void setContentView(android.view.View v) {}
  public final void runOnUiThread(Runnable r) {} public android.content.res.AssetManager getAssets() { return null; }
  public java.io.File getNoBackupFilesDir() { return null; }
  public final <I, O> androidx.activity.result.ActivityResultLauncher<I> registerForActivityResult(
    androidx.activity.result.contract.ActivityResultContract<I, O> c, androidx.activity.result.ActivityResultCallback<O> b) { return null; } }
package androidx.core.content; public class ContextCompat { public static native int checkSelfPermission(android.content.Context c, String p);
  public static native java.util.concurrent.Executor getMainExecutor(android.content.Context c); }
package com.google.common.util.concurrent; public interface ListenableFuture<V> extends java.util.concurrent.Future<V> {
  void addListener(Runnable r, java.util.concurrent.Executor e); }
package androidx.camera.core; public final class AspectRatio { public static final int RATIO_4_3 = 0; }
package androidx.camera.core; public final class CameraSelector {
  public static final CameraSelector DEFAULT_FRONT_CAMERA = null, DEFAULT_BACK_CAMERA = null; }
package androidx.camera.core; public abstract class UseCase {}
package androidx.camera.core; public interface Camera {}
package androidx.camera.core; public interface ImageInfo { int getRotationDegrees(); }
package androidx.camera.core; public interface ImageProxy extends AutoCloseable { void close();
  int getWidth(); int getHeight(); ImageInfo getImageInfo();
  PlaneProxy[] getPlanes(); interface PlaneProxy { int getRowStride(); int getPixelStride(); java.nio.ByteBuffer getBuffer(); } }
package androidx.camera.core; public final class Preview extends UseCase { public interface SurfaceProvider {}
  public native void setSurfaceProvider(SurfaceProvider p); public static final class Builder {
  public native Builder setResolutionSelector(androidx.camera.core.resolutionselector.ResolutionSelector s); public native Preview build(); } }
package androidx.camera.core; public final class ImageAnalysis extends UseCase { public interface Analyzer { void analyze(ImageProxy image); }
  public static final int STRATEGY_KEEP_ONLY_LATEST = 0, OUTPUT_IMAGE_FORMAT_YUV_420_888 = 1;
  public native void setAnalyzer(java.util.concurrent.Executor e, Analyzer a); public static final class Builder {
  public native Builder setResolutionSelector(androidx.camera.core.resolutionselector.ResolutionSelector s); public native ImageAnalysis build();
  public native Builder setBackpressureStrategy(int s); public native Builder setOutputImageFormat(int f); } }
package androidx.camera.core.resolutionselector; public final class AspectRatioStrategy { public static final int FALLBACK_RULE_AUTO = 1;
  public AspectRatioStrategy(int ratio, int rule) {} }
package androidx.camera.core.resolutionselector; public final class ResolutionSelector { public static final class Builder {
  public native Builder setAspectRatioStrategy(AspectRatioStrategy s); public native ResolutionSelector build(); } }
package androidx.camera.lifecycle; public final class ProcessCameraProvider {
  public static native com.google.common.util.concurrent.ListenableFuture<ProcessCameraProvider> getInstance(android.content.Context c);
  public native void unbindAll(); public native androidx.camera.core.Camera bindToLifecycle(androidx.lifecycle.LifecycleOwner o,
    androidx.camera.core.CameraSelector s, androidx.camera.core.UseCase... u); }
package androidx.camera.view; public final class PreviewView extends android.widget.FrameLayout { public enum ScaleType { FIT_CENTER }
  public PreviewView(android.content.Context c) { super(c); } public native void setScaleType(ScaleType t);
  public native androidx.camera.core.Preview.SurfaceProvider getSurfaceProvider(); }
package org.pytorch.executorch; public class EValue { public static EValue from(Tensor t) { return null; } public Tensor toTensor() { return null; } }
package org.pytorch.executorch; public abstract class Tensor { public static Tensor fromBlobUnsigned(byte[] d, long[] s) { return null; }
  public static Tensor fromBlob(float[] d, long[] s) { return null; } public float[] getDataAsFloatArray() { return null; } }
package org.pytorch.executorch; public class Module { public static Module load(String path) { return null; }
  public EValue[] forward(EValue... inputs) { return null; } }
"""


def write_declarations(folder, strings):
    """One file a class, and the class R of the strings in this XML file."""
    names = [element.get("name") for element in ElementTree.parse(strings).getroot()]
    resources = (
        f"package org.glasspose.sample; final class R {{ static final class string {{ static final int {', '.join(f'{n} = 0' for n in names)}; }} }}"
    )
    for text in [*re.split(r"(?m)^(?=package )", DECLARATIONS), resources]:
        found = re.match(r"package ([\w.]+);.*?(?:class|@?interface) (\w+)", text, re.DOTALL)
        if found:
            path = folder / found[1].replace(".", "/") / f"{found[2]}.java"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
