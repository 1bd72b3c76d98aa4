/* The events of the benchmark, of 173 bytes each. Client and sequence number lie at fixed places, so that each line of
   a log can be compared, byte by byte, with what was sent. */

#ifndef EVENT_H
#define EVENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* The digits are never zero at first: JSON allows no leading zeros. */
static const char EVENT[] =
    "{\"name\":\"type-check a unit\",\"cat\":\"bench\",\"ph\":\"X\",\"ts\":1000000000.125,\"dur\":187.25,\"pid\":1000000,"
    "\"tid\":1,\"args\":{\"file\":\"src/parser/lexer.ml\",\"lines\":1370,\"cached\":false}}\n";

enum {
    EVENT_BYTES = sizeof EVENT - 1,
    SEQ_AT = 57, SEQ_DIGITS = 9,       /* after the 1 of "ts":1000000000 */
    CLIENT_AT = 91, CLIENT_DIGITS = 6, /* after the 1 of "pid":1000000 */
};

_Static_assert(EVENT_BYTES == 173, "figures are compared with those of other days");

static inline void put_digits(char *at, int digits, long number) {
    while (digits-- > 0) {
        at[digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

static inline long get_digits(const char *at, int digits) {
    long number = 0;
    while (digits-- > 0) {
        if (*at < '0' || *at > '9')
            return -1;
        number = number * 10 + (*at++ - '0');
    }
    return number;
}

static inline void render(char *at, long client, long seq) {
    memcpy(at, EVENT, EVENT_BYTES);
    put_digits(at + SEQ_AT, SEQ_DIGITS, seq);
    put_digits(at + CLIENT_AT, CLIENT_DIGITS, client);
}

static inline void die(const char *what) {
    perror(what);
    exit(1);
}

static inline void *need(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory)
        die("malloc");
    return memory;
}

static inline double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void sleep_us(long us) {
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

static inline struct sockaddr_un address_of(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "%s: too long for a socket\n", path);
        exit(1);
    }
    strcpy(address.sun_path, path);
    return address;
}

static inline int connect_to(const char *path) {
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    return fd;
}

static inline void write_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t written = send(fd, data, length, MSG_NOSIGNAL);
        if (written < 0)
            die("send");
        data += written;
        length -= (size_t)written;
    }
}

static inline void say_open(int fd, const char *trace, int number) {
    char line[300];
    int length = snprintf(line, sizeof line, "OPEN %s-%d\n", trace, number);
    write_all(fd, line, (size_t)length);
}

#endif
