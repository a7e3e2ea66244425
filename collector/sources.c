#include "source.h"

const struct source *const sources[] = {
	&source_go,
	&source_jvm,
	NULL,
};
