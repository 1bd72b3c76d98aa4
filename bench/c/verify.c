/* What became of the events that were sent: compares each line of the logs with what the client wrote.

     verify EVENTS,EVENTS,... LOG...     (one number for each client)

   Prints: lines of clients, lost, duplicated, reordered (after a later one of the same client), torn (any line that is
   neither an event as sent nor the daemon's clock line), and lines of the daemon. */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event.h"

static const char CLOCK[] = "{\"ph\":\"M\",\"name\":\"tracerd_clock\",";

typedef struct {
    long events, next; /* next: one more than the highest number seen */
    char *seen;
} Client;

static Client *clients;
static long client_count;
static long lines, duplicated, reordered, torn, clocks;

static void read_counts(char *counts) {
    clients = need(sizeof(Client) * (strlen(counts) / 2 + 1));
    for (char *word = strtok(counts, ","); word; word = strtok(NULL, ",")) {
        Client *client = &clients[client_count++];
        *client = (Client){atol(word), 0, calloc((size_t)atol(word) + 1, 1)};
        if (!client->seen)
            die("calloc");
    }
}

static void look_at(const char *line, size_t length) {
    char sent[EVENT_BYTES];
    if (length >= sizeof CLOCK - 1 && memcmp(line, CLOCK, sizeof CLOCK - 1) == 0) {
        clocks++;
        return;
    }
    lines++;
    if (length != EVENT_BYTES) {
        torn++;
        return;
    }
    long number = get_digits(line + CLIENT_AT, CLIENT_DIGITS), seq = get_digits(line + SEQ_AT, SEQ_DIGITS);
    if (number < 0 || number >= client_count || seq < 0 || seq >= clients[number].events) {
        torn++;
        return;
    }
    render(sent, number, seq);
    if (memcmp(line, sent, EVENT_BYTES) != 0) {
        torn++;
        return;
    }
    Client *client = &clients[number];
    if (client->seen[seq])
        duplicated++;
    else if (seq < client->next)
        reordered++;
    client->seen[seq] = 1;
    if (seq >= client->next)
        client->next = seq + 1;
}

static void look_at_log(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return; /* what it lacks is counted as lost */
    if (fstat(fd, &status) < 0)
        die(path);
    size_t length = (size_t)status.st_size;
    if (length > 0) {
        char *log = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
        if (log == MAP_FAILED)
            die(path);
        for (char *line = log, *end = log + length; line < end;) {
            char *newline = memchr(line, '\n', (size_t)(end - line));
            char *next = newline ? newline + 1 : end;
            look_at(line, (size_t)(next - line));
            line = next;
        }
        munmap(log, length);
    }
    close(fd);
}

int main(int argc, char **argv) {
    long lost = 0;
    if (argc < 3)
        return 2;
    read_counts(argv[1]);
    for (int i = 2; i < argc; i++)
        look_at_log(argv[i]);
    for (long number = 0; number < client_count; number++)
        for (long seq = 0; seq < clients[number].events; seq++)
            lost += !clients[number].seen[seq];
    printf("%ld %ld %ld %ld %ld %ld\n", lines, lost, duplicated, reordered, torn, clocks);
    return 0;
}
