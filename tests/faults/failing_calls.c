/* LD_PRELOAD: system calls fail for certain paths, as in the file of 4 words that $FAILING_CALLS names:
   a call, an errno, the first call that fails counted from 1, and how many fail.

   Paths that hold "victim" are meant. A close that fails has closed, as on Linux. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static char seen[64];
static int calls;

static int fails(const char *call, const char *path)
{
	char text[64] = "", name[32];
	int fd, number, first, many, saved = errno;

	if (!path || !strstr(path, "victim") || !getenv("FAILING_CALLS"))
		return 0;
	fd = (int)syscall(SYS_openat, AT_FDCWD, getenv("FAILING_CALLS"), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (syscall(SYS_read, fd, text, sizeof text - 1) < 0)
		text[0] = 0;
	syscall(SYS_close, fd);
	errno = saved;
	if (sscanf(text, "%31s %d %d %d", name, &number, &first, &many) != 4 || strcmp(name, call))
		return 0;
	if (strcmp(text, seen)) {
		strcpy(seen, text);
		calls = 0;
	}
	calls++;
	if (calls < first || calls >= first + many)
		return 0;
	errno = number;
	return 1;
}

static int fails_at(const char *call, int fd)
{
	char link[64], path[4096];
	ssize_t length;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof path - 1);
	if (length < 0)
		return 0;
	path[length] = 0;
	return fails(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int close(int fd)
{
	if (!fails_at("close", fd))
		return REAL(close)(fd);
	syscall(SYS_close, fd);
	return -1;
}

int fsync(int fd)
{
	return fails_at("fsync", fd) ? -1 : REAL(fsync)(fd);
}

int flock(int fd, int operation)
{
	return fails_at("flock", fd) ? -1 : REAL(flock)(fd, operation);
}

int ftruncate64(int fd, off64_t size)
{
	return fails_at("ftruncate", fd) ? -1 : REAL(ftruncate64)(fd, size);
}

int fstat64(int fd, struct stat64 *status)
{
	return fails_at("fstat", fd) ? -1 : REAL(fstat64)(fd, status);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t at)
{
	return fails_at("pread", fd) ? -1 : REAL(pread64)(fd, data, size, at);
}

ssize_t read(int fd, void *data, size_t size)
{
	return fails_at("read", fd) ? -1 : REAL(read)(fd, data, size);
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (!fails_at("write", fd))
		return REAL(write)(fd, data, size);
	/* Half of it is written first, so that there is something to undo. */
	return size > 1 ? REAL(write)(fd, data, size / 2) : -1;
}

int lstat64(const char *path, struct stat64 *status)
{
	return fails("lstat", path) ? -1 : REAL(lstat64)(path, status);
}

int stat64(const char *path, struct stat64 *status)
{
	return fails("stat", path) ? -1 : REAL(stat64)(path, status);
}

int fstatat64(int directory, const char *path, struct stat64 *status, int flags)
{
	return fails("lstat", path) ? -1 : REAL(fstatat64)(directory, path, status, flags);
}

int unlink(const char *path)
{
	return fails("unlink", path) ? -1 : REAL(unlink)(path);
}

int rename(const char *from, const char *to)
{
	return fails("rename", to) ? -1 : REAL(rename)(from, to);
}

int open64(const char *path, int flags, ...)
{
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return fails("open", path) ? -1 : REAL(open64)(path, flags, mode);
}
