#ifndef IMGD_ENCODER_H
#define IMGD_ENCODER_H

/* ENCODER_THREADS is how many threads encode one AV1 picture, the calling one among
 * them. Two write the same bytes as four; one alone writes others. */
#define ENCODER_THREADS 2

#endif
