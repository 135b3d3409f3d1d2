#define _GNU_SOURCE /* dladdr */
#include "bridge.h"

#include <dlfcn.h>
#include <gmodule.h>

static GModule *heif; /* where libheif is found, NULL if libvips itself needs it */

void bridge_lean(void) {
	/* Modules are looked for below it. */
	g_setenv("VIPSHOME", "/dev/null", TRUE);
}

/* module loads one of the modules beside the library, or returns NULL. */
static GModule *module(const char *name) {
	Dl_info library;
	if (!dladdr((void *) vips_init, &library))
		return NULL;
	gchar *dir = g_path_get_dirname(library.dli_fname);
	gchar *path = g_strdup_printf("%s/vips-modules-%d.%d/vips-%s." G_MODULE_SUFFIX,
		dir, vips_version(0), vips_version(1), name);
	GModule *loaded = g_module_open(path, G_MODULE_BIND_LAZY);
	if (loaded)
		g_module_make_resident(loaded);
	g_free(path);
	g_free(dir);
	return loaded;
}

void bridge_modules(int pdf) {
	heif = module("heif");
	module("jxl");
	if (pdf)
		module("poppler");
}

void bridge_trust(const char *class) {
	vips_operation_block_set(class, FALSE);
}

/* build runs a prepared operation and drops it; on success its outputs have been
 * taken by take. */
static int build(VipsOperation *operation, const char *options, void (*take)(VipsOperation *, void *), void *to) {
	int failed = vips_object_set_from_string(VIPS_OBJECT(operation), options) ||
		vips_cache_operation_buildp(&operation);
	if (!failed)
		take(operation, to);
	vips_object_unref_outputs(VIPS_OBJECT(operation));
	g_object_unref(operation);
	return failed ? -1 : 0;
}

static void take_image(VipsOperation *operation, void *to) {
	g_object_get(operation, "out", (VipsImage **) to, NULL);
}

static void take_blob(VipsOperation *operation, void *to) {
	g_object_get(operation, "buffer", (VipsBlob **) to, NULL);
}

int bridge_load(const char *loader, void *bytes, size_t len, const char *options, VipsImage **out) {
	VipsOperation *operation = vips_operation_new(loader);
	if (!operation)
		return -1;
	VipsBlob *blob = vips_blob_new(NULL, bytes, len);
	g_object_set(operation, "buffer", blob, NULL);
	vips_area_unref(VIPS_AREA(blob));
	return build(operation, options, take_image, out);
}

int bridge_run(const char *name, VipsImage *in, const char *options, VipsImage **out) {
	VipsOperation *operation = vips_operation_new(name);
	if (!operation)
		return -1;
	gboolean usual = g_object_class_find_property(G_OBJECT_GET_CLASS(operation), "in") != NULL;
	g_object_set(operation, usual ? "in" : "input", in, NULL);
	return build(operation, options, take_image, out);
}

int bridge_save(const char *saver, VipsImage *in, const char *options, void **bytes, size_t *len) {
	VipsOperation *operation = vips_operation_new(saver);
	if (!operation)
		return -1;
	g_object_set(operation, "in", in, NULL);
	VipsBlob *blob = NULL;
	if (build(operation, options, take_blob, &blob))
		return -1;
	if (!blob) {
		vips_error(saver, "nothing was written");
		return -1;
	}
	/* The blob would free its bytes; the caller does instead. */
	*bytes = VIPS_AREA(blob)->data;
	*len = VIPS_AREA(blob)->length;
	VIPS_AREA(blob)->free_fn = NULL;
	vips_area_unref(VIPS_AREA(blob));
	return 0;
}

int bridge_bare(VipsImage *in, VipsImage **out) {
	static const char *const keep[] = { VIPS_META_PAGE_HEIGHT, VIPS_META_N_PAGES, "delay", "loop", NULL };
	if (vips_copy(in, out, NULL))
		return -1;
	gchar **names = vips_image_get_fields(*out);
	for (gchar **name = names; *name; name++)
		if (!g_strv_contains(keep, *name))
			vips_image_remove(*out, *name); /* does nothing to the header proper */
	g_strfreev(names);
	return 0;
}

int bridge_keep(VipsImage *in, VipsImage **out) {
	VipsRect whole = { 0, 0, in->Xsize, in->Ysize };
	VipsRegion *region = vips_region_new(in);
	VipsImage *kept = vips_image_new_memory();
	int failed = vips_image_pipelinev(kept, VIPS_DEMAND_STYLE_ANY, in, NULL) || vips_region_prepare(region, &whole);
	for (int y = 0; !failed && y < whole.height; y++)
		failed = vips_image_write_line(kept, y, VIPS_REGION_ADDR(region, 0, y));
	g_object_unref(region);
	if (failed) {
		g_object_unref(kept);
		return -1;
	}
	*out = kept;
	return 0;
}

int bridge_own(VipsImage *in, VipsImage **out) {
	VipsImage *own = vips_image_new_memory();
	if (vips_image_write(in, own)) {
		g_object_unref(own);
		return -1;
	}
	*out = own;
	return 0;
}

int bridge_bandjoin(VipsImage *in, VipsImage *more, VipsImage **out) {
	return vips_bandjoin2(in, more, out, NULL);
}

int bridge_lookup(VipsImage *in, const void *rgb, VipsImage **out) {
	VipsImage *table = vips_image_new_from_memory_copy(rgb, 256 * 3, 256, 1, 3, VIPS_FORMAT_UCHAR);
	VipsImage *found = NULL;
	int failed = !table || vips_maplut(in, &found, table, NULL) ||
		vips_copy(found, out, "interpretation", VIPS_INTERPRETATION_sRGB, NULL);
	g_clear_object(&found);
	g_clear_object(&table);
	return failed ? -1 : 0;
}

int bridge_over(VipsImage *in, double rgba[4], VipsImage **out) {
	VipsImage *ground = vips_image_new_from_image(in, rgba, 4);
	if (!ground)
		return -1;
	int failed = vips_composite2(ground, in, out, VIPS_BLEND_MODE_OVER, NULL);
	g_object_unref(ground);
	return failed;
}

int bridge_mark(VipsImage *in, VipsImage *mark, int x, int y, VipsImage **out) {
	VipsImage **t = (VipsImage **) vips_object_local_array(VIPS_OBJECT(*out = vips_image_new()), 6);
	/* As bytes the sum would be cut off instead of rounded. */
	int failed = vips_extract_area(in, &t[0], x, y, mark->Xsize, mark->Ysize, NULL) ||
		vips_cast_float(t[0], &t[1], NULL) ||
		vips_composite2(t[1], mark, &t[2], VIPS_BLEND_MODE_OVER, NULL) ||
		vips_linear1(t[2], &t[3], 1, 0.5, "uchar", TRUE, NULL) ||
		vips_extract_band(t[3], &t[4], 0, "n", in->Bands, NULL) ||
		vips_insert(in, t[4], &t[5], x, y, NULL);
	if (!failed)
		failed = vips_image_write(t[5], *out);
	if (failed)
		g_clear_object(out);
	return failed;
}

int bridge_join(VipsImage **frames, int n, int *delays, int loop, VipsImage **out) {
	VipsImage *joined = NULL;
	if (vips_arrayjoin(frames, &joined, n, "across", 1, NULL))
		return -1;
	/* Header fields are set on a copy: nobody else may hold it. */
	int failed = vips_copy(joined, out, NULL);
	g_object_unref(joined);
	if (failed)
		return -1;
	vips_image_set_int(*out, VIPS_META_PAGE_HEIGHT, frames[0]->Ysize);
	vips_image_set_int(*out, VIPS_META_N_PAGES, n);
	vips_image_set_array_int(*out, "delay", delays, n);
	vips_image_set_int(*out, "loop", loop);
	return 0;
}

int bridge_swatch(VipsImage *like, const void *rgb, int n, VipsImage **out) {
	const void *profile;
	size_t len;
	if (vips_image_get_blob(like, VIPS_META_ICC_NAME, &profile, &len))
		return -1;
	VipsImage *plain = vips_image_new_from_memory_copy(rgb, (size_t) n * 3, n, 1, 3, VIPS_FORMAT_UCHAR);
	if (!plain)
		return -1;
	int failed = vips_copy(plain, out, "interpretation", VIPS_INTERPRETATION_sRGB, NULL);
	g_object_unref(plain);
	if (failed)
		return -1;
	vips_image_set_blob_copy(*out, VIPS_META_ICC_NAME, profile, len);
	return 0;
}

long bridge_profile(VipsImage *in) {
	const void *profile;
	size_t len;
	if (!vips_image_get_typeof(in, VIPS_META_ICC_NAME))
		return 0;
	if (vips_image_get_blob(in, VIPS_META_ICC_NAME, &profile, &len) || len == 0 ||
		!vips_icc_is_compatible_profile(in, profile, len)) {
		vips_error_clear();
		return -1;
	}
	return (long) len;
}

long bridge_blob(VipsImage *in, const char *name, const void **bytes) {
	size_t len;
	if (!vips_image_get_typeof(in, name) || vips_image_get_blob(in, name, bytes, &len))
		return 0;
	return (long) len;
}

int bridge_with(VipsImage *like, const void *samples, VipsImage **out) {
	VipsImage *made = vips_image_new_memory();
	const VipsPel *row = samples;
	int failed = vips_image_pipelinev(made, VIPS_DEMAND_STYLE_ANY, like, NULL);
	for (int y = 0; !failed && y < like->Ysize; y++, row += VIPS_IMAGE_SIZEOF_LINE(like))
		failed = vips_image_write_line(made, y, (VipsPel *) row);
	if (failed) {
		g_object_unref(made);
		return -1;
	}
	*out = made;
	return 0;
}

int bridge_int(VipsImage *in, const char *name, int fallback) {
	int value;
	if (!vips_image_get_typeof(in, name) || vips_image_get_int(in, name, &value))
		return fallback;
	return value;
}

int bridge_delays(VipsImage *in, int **delays) {
	int n;
	if (!vips_image_get_typeof(in, "delay") || vips_image_get_array_int(in, "delay", delays, &n))
		return 0;
	return n;
}

int bridge_knows(const char *operation) {
	return vips_type_find("VipsOperation", operation) != 0;
}

void *bridge_heif(const char *name) {
	gpointer found = NULL;
	if (heif && g_module_symbol(heif, name, &found))
		return found;
	return dlsym(RTLD_NEXT, name);
}

int bridge_avif(void) {
	const int av1 = 4; /* heif_compression_AV1 */
	int (*have)(int) = (int (*)(int)) bridge_heif("heif_have_encoder_for_format");
	return bridge_knows("heifsave_buffer") && have && have(av1);
}
