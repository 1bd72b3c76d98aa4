/* LD_PRELOAD: the wall clock is as many seconds off as the file says that $WALL_CLOCK_OFFSET names.

   libfaketime does the same and more; its clock_nanosleep makes Python's time.sleep fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	char text[32] = "";
	int fd, result;

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	result = real(clock, now);
	if (clock != CLOCK_REALTIME || !getenv("WALL_CLOCK_OFFSET"))
		return result;
	fd = open(getenv("WALL_CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, text, sizeof text - 1) > 0)
			now->tv_sec += atol(text);
		close(fd);
	}
	return result;
}
