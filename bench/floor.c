/* The floor that imgd is compared with: plain calls of libvips, in one thread,
 * that come to the same variants. See docs/benchmarks.md.
 *
 *     floor render FILE SIZES FORMAT ROUNDS [SHRINK]
 *     floor convert FILE OUT p3|heic|rgba
 *
 * render decodes a file once a round, scales it down to the first of the sizes
 * (the longest side, never enlarged), each other size from the one before, and
 * encodes each. A colour profile is gone through after the first resize. SHRINK is
 * what a JPEG is decoded by. It prints what a round took, in milliseconds:
 * "cpu 1287.3 wall 1301.9 bytes 2412345".
 *
 * convert writes the same picture as a JPEG in Display P3, as a HEIC, or as a PNG
 * with an alpha channel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <vips/vips.h>

#define MOST 8

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, vips_error_buffer());
	exit(1);
}

static double cpu_ms(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e3 + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e3;
}

static double wall_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static size_t save(VipsImage *im, const char *format)
{
	void *buf = NULL;
	size_t n = 0;
	int failed = -1;
	if (!strcmp(format, "webp"))
		failed = vips_webpsave_buffer(im, &buf, &n, "Q", 85, "effort", 4, "strip", TRUE, NULL);
	else if (!strcmp(format, "jpeg"))
		failed = vips_jpegsave_buffer(im, &buf, &n, "Q", 85, "optimize_coding", TRUE, "strip", TRUE, NULL);
	else if (!strcmp(format, "png"))
		failed = vips_pngsave_buffer(im, &buf, &n, "compression", 4, "strip", TRUE, NULL);
	else if (!strcmp(format, "avif"))
		failed = vips_heifsave_buffer(im, &buf, &n, "Q", 50, "effort", 1,
			"compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "strip", TRUE, NULL);
	if (failed)
		die(format);
	g_free(buf);
	return n;
}

/* smaller takes im and gives back its pixels, no side longer than most. */
static VipsImage *smaller(VipsImage *im, int most, int convert)
{
	VipsImage *sized, *kept;
	if (vips_thumbnail_image(im, &sized, most, "height", most, "size", VIPS_SIZE_DOWN, NULL))
		die("resize");
	g_object_unref(im);
	if (convert && vips_image_get_typeof(sized, VIPS_META_ICC_NAME)) {
		VipsImage *srgb;
		if (vips_icc_transform(sized, &srgb, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_RELATIVE,
				"black_point_compensation", TRUE, "depth", 8, NULL))
			die("convert");
		g_object_unref(sized);
		sized = srgb;
	}
	if (!(kept = vips_image_copy_memory(sized)))
		die("draw");
	g_object_unref(sized);
	return kept;
}

static size_t render(char *file, size_t len, const int *sizes, int n, const char *format, int shrink)
{
	char options[64];
	snprintf(options, sizeof options, shrink > 1 ? "[access=sequential,shrink=%d]" : "[access=sequential]", shrink);
	VipsImage *im = vips_image_new_from_buffer(file, len, options, NULL);
	if (!im)
		die("decode");
	int convert = vips_image_get_typeof(im, VIPS_META_ICC_NAME) != 0;
	size_t bytes = 0;
	for (int i = 0; i < n; i++) {
		im = smaller(im, sizes[i], convert && i == 0);
		bytes += save(im, format);
	}
	g_object_unref(im);
	return bytes;
}

static int measure(int argc, char **argv)
{
	char *file;
	gsize len;
	if (!g_file_get_contents(argv[2], &file, &len, NULL))
		die(argv[2]);
	int sizes[MOST], n = 0;
	for (char *s = strtok(argv[3], ","); s && n < MOST; s = strtok(NULL, ","))
		sizes[n++] = atoi(s);
	int rounds = atoi(argv[5]), shrink = argc > 6 ? atoi(argv[6]) : 1;
	size_t bytes = 0;
	double cpu = cpu_ms(), wall = wall_ms();
	for (int i = 0; i < rounds; i++)
		bytes = render(file, len, sizes, n, argv[4], shrink);
	printf("cpu %.1f wall %.1f bytes %zu\n", (cpu_ms() - cpu) / rounds, (wall_ms() - wall) / rounds, bytes);
	g_free(file);
	return 0;
}

static int convert(char **argv)
{
	VipsImage *im = vips_image_new_from_file(argv[2], NULL), *to = NULL;
	int failed = !im;
	if (!failed && !strcmp(argv[4], "p3"))
		failed = vips_icc_transform(im, &to, "p3", "input_profile", "srgb", NULL) || vips_jpegsave(to, argv[3], "Q", 90, NULL);
	else if (!failed && !strcmp(argv[4], "heic"))
		failed = vips_heifsave(im, argv[3], "Q", 70, "compression", VIPS_FOREIGN_HEIF_COMPRESSION_HEVC, "effort", 1, NULL);
	else if (!failed)
		failed = vips_bandjoin_const1(im, &to, 200, NULL) || vips_pngsave(to, argv[3], NULL);
	if (failed)
		die(argv[4]);
	return 0;
}

int main(int argc, char **argv)
{
	if (VIPS_INIT(argv[0]))
		die("start");
	vips_cache_set_max(0);
	vips_concurrency_set(1);
	if (argc >= 6 && !strcmp(argv[1], "render"))
		return measure(argc, argv);
	if (argc == 5 && !strcmp(argv[1], "convert"))
		return convert(argv);
	fprintf(stderr, "usage: floor render FILE SIZES FORMAT ROUNDS [SHRINK] | floor convert FILE OUT p3|heic|rgba\n");
	return 2;
}
