/* The limit: a daemon that copies whole lines from its connections to one file per trace, and checks nothing.

     copier SOCKET DIR

   One thread, epoll, one read and one write for each turn of a connection. The first line of a connection must be OPEN;
   all others are copied. What a faster daemon saves, it must save in the kernel. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "event.h"

enum { READ_BYTES = 256 * 1024, MAX_PARTIAL = 64 * 1024, BACKLOG = 4096, MAX_TRACES = 4096, WAKE_UPS = 64 };

typedef struct {
    int fd, log;
    size_t partial_length;
    char *partial; /* the line that is not whole yet */
} Client;

static const char *directory;
static struct {
    char *name;
    int fd;
} traces[MAX_TRACES];
static int trace_count;
static char buffer[MAX_PARTIAL + READ_BYTES];

static int log_of(const char *name, size_t length) {
    char path[4096];
    for (int i = 0; i < trace_count; i++)
        if (strncmp(traces[i].name, name, length) == 0 && !traces[i].name[length])
            return traces[i].fd;
    if (trace_count == MAX_TRACES)
        exit(1);
    snprintf(path, sizeof path, "%s/%.*s.jsonl", directory, (int)length, name);
    traces[trace_count].name = strndup(name, length);
    traces[trace_count].fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (traces[trace_count].fd < 0)
        die(path);
    return traces[trace_count++].fd;
}

/* Keep the tail for later, write what is whole. */
static void copy(Client *client, char *data, char *end) {
    char *whole = memrchr(data, '\n', (size_t)(end - data));
    whole = whole ? whole + 1 : data;
    if (client->log < 0 && whole > data) {
        char *newline = memchr(data, '\n', (size_t)(whole - data));
        if (strncmp(data, "OPEN ", 5) != 0)
            exit(1);
        client->log = log_of(data + 5, (size_t)(newline - data - 5));
        data = newline + 1;
    }
    for (char *next = data; next < whole;) {
        ssize_t written = write(client->log, next, (size_t)(whole - next));
        if (written < 0)
            die("write");
        next += written;
    }
    client->partial_length = (size_t)(end - whole);
    if (client->partial_length > MAX_PARTIAL)
        exit(1);
    if (client->partial_length && !client->partial)
        client->partial = need(MAX_PARTIAL);
    if (client->partial_length)
        memcpy(client->partial, whole, client->partial_length);
}

/* Read once; 1 if something came, 0 if nothing was there, -1 at the end of the connection. */
static int serve(Client *client) {
    if (client->partial_length)
        memcpy(buffer, client->partial, client->partial_length);
    ssize_t length = read(client->fd, buffer + client->partial_length, READ_BYTES);
    if (length < 0 && errno == EAGAIN)
        return 0;
    if (length <= 0) {
        close(client->fd);
        free(client->partial);
        free(client);
        return -1;
    }
    copy(client, buffer, buffer + client->partial_length + length);
    return 1;
}

static void accept_all(int listener, int epoll) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        Client *client = need(sizeof *client);
        *client = (Client){fd, -1, 0, NULL};
        int got = serve(client); /* a short-lived client has written all and is gone */
        if (got == 1)
            got = serve(client);
        if (got >= 0) {
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
            if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                die("epoll_ctl");
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    directory = argv[2];
    struct sockaddr_un address = address_of(argv[1]);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[WAKE_UPS];
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, BACKLOG) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die(argv[1]);
    for (;;) {
        int count = epoll_wait(epoll, events, WAKE_UPS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                serve(events[i].data.ptr);
            else
                accept_all(listener, epoll);
        }
    }
}
