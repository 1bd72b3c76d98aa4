/* From an event's write to the moment when a reader finds its whole line in the log.

     latency SOCKET TRACE LOG EVENTS INTERVAL_US

   Sends an event every INTERVAL_US, whether or not those before have arrived: a daemon that holds events back shows all
   of its delay. Looks at the log about every 100 us. Prints a line for each event: when it was sent, in seconds of the
   monotonic clock, and the milliseconds it took; -1 for one that never came. Stops early when standard input ends. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "event.h"

enum { LOOK_US = 100, PATIENCE_S = 10 };

static int log_fd = -1;
static char tail[64 * 1024]; /* what was read of the log and is not a whole line yet */
static size_t tail_length;

/* The number of events that have come into the log since the last look; other lines are passed over. */
static long look(const char *path) {
    long found = 0;
    if (log_fd < 0 && (log_fd = open(path, O_RDONLY)) < 0)
        return 0;
    ssize_t length = read(log_fd, tail + tail_length, sizeof tail - tail_length);
    if (length <= 0)
        return 0;
    char *line = tail, *end = tail + tail_length + length;
    for (char *newline; (newline = memchr(line, '\n', (size_t)(end - line))); line = newline + 1)
        found += newline + 1 - line == EVENT_BYTES && memcmp(line, EVENT, SEQ_AT) == 0;
    tail_length = (size_t)(end - line);
    memmove(tail, line, tail_length);
    return found;
}

int main(int argc, char **argv) {
    if (argc != 6)
        return 2;
    long events = atol(argv[4]), sent = 0, arrived = 0;
    double interval_s = (double)atol(argv[5]) / 1e6;
    double *sent_s = need(sizeof(double) * (size_t)events), *took_s = need(sizeof(double) * (size_t)events);
    struct pollfd stop = {STDIN_FILENO, POLLIN, 0};
    int fd = connect_to(argv[1]);
    prctl(PR_SET_TIMERSLACK, 1); /* or 100 us become 150 */
    say_open(fd, argv[2], 0);
    double start_s = now_s();
    while (arrived < events && now_s() < start_s + (double)events * interval_s + PATIENCE_S) {
        if (sent < events && now_s() >= start_s + (double)sent * interval_s) {
            char event[EVENT_BYTES];
            render(event, 0, sent);
            took_s[sent] = -0.001;
            sent_s[sent++] = now_s();
            write_all(fd, event, EVENT_BYTES);
        }
        for (long found = look(argv[3]); found > 0 && arrived < sent; found--, arrived++)
            took_s[arrived] = now_s() - sent_s[arrived];
        if (poll(&stop, 1, 0) != 0)
            events = sent;
        sleep_us(LOOK_US);
    }
    for (long i = 0; i < sent; i++)
        printf("%.6f %.3f\n", sent_s[i], took_s[i] * 1e3);
    return 0;
}
