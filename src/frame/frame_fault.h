/* frame_fault.h: what is wrong with a frame that was refused, as a sentence. Slow, and apart from reading, which only says
 * that something is. */
#ifndef WEFT_FRAME_FRAME_FAULT_H
#define WEFT_FRAME_FRAME_FAULT_H

#include "frame/frame.h"

/* bytes: of a frame that weft__frame_read refused for by and size_max: its eight bytes at least, and all of it where
 * nothing is wrong with those. sentence: FRAME_SENTENCE_MAX bytes. */
void weft__frame_fault(const unsigned char *bytes, char by, size_t size_max, char *sentence);

/* 'C', 'N', or 'B' for both; 0: there is no such kind. */
char weft__frame_by(unsigned kind);

#endif
