/* Clients that write events: what a benchmark does to a daemon, and nothing that would slow it down.

     load stream SOCKET TRACE TRACES CLIENTS EVENTS WRITE_BYTES
         Each client writes EVENTS events in pieces of WRITE_BYTES (0: one event per write), whatever lines that cuts,
         then half-closes and waits until the daemon closes. Client c belongs to trace TRACE-(c % TRACES).
     load endless SOCKET TRACE CLIENTS
         The same in pieces of 64 KiB to one trace, TRACE-0, until standard input ends.
     load connect SOCKET TRACE LOG CONNECTIONS EVENTS WORKERS WAIT
         Each of WORKERS processes connects, writes OPEN TRACE-0 and EVENTS events at once, closes, and so on; it ends
         when LOG has all events. WAIT is 1: half-close, and wait until the daemon closes, before the next connection.

   Prints the seconds it took, then the number of events of each client. Events are rendered before the clock starts
   ("endless" renders as it goes: 10 ns an event). Clients are processes, as they are in life. */

#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event.h"

enum {
    MAX_PROCESSES = 64, /* more clients than that share processes, and take turns */
    PIECE_BYTES = 64 * 1024,
    PATIENCE_S = 60, /* for a daemon that has stopped writing */
};

/* ------------------------------------------------------------------ one parent with the clock, many workers */

static int ready[2], go[2]; /* pipes: each worker writes a byte when it is ready and one when it is done */

static void give_up(int signal_number) {
    int status;
    (void)signal_number;
    while (waitpid(-1, &status, WNOHANG) > 0)
        if (status)
            _exit(1); /* it has said why */
}

static void prepare(void) {
    struct sigaction action = {.sa_handler = give_up, .sa_flags = SA_RESTART};
    if (pipe(ready) < 0 || pipe(go) < 0 || sigaction(SIGCHLD, &action, NULL) < 0)
        die("prepare");
}

static int is_worker(void) {
    int pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(go[1]);
    }
    return pid == 0;
}

static void tell_parent(void) {
    if (write(ready[1], "", 1) != 1)
        die("pipe");
}

static void wait_for_go(void) {
    char byte;
    tell_parent();
    if (read(go[0], &byte, 1) != 0)
        die("pipe");
}

static void wait_for_workers(int count) {
    for (char byte; count > 0; count--)
        if (read(ready[0], &byte, 1) != 1)
            die("pipe");
}

static double start_clock(int workers) {
    wait_for_workers(workers);
    close(go[1]);
    return now_s();
}

static void wait_for_close(int fd) {
    char ignored[4096];
    shutdown(fd, SHUT_WR);
    while (read(fd, ignored, sizeof ignored) > 0)
        ;
    close(fd);
}

static void print_result(double seconds, int clients, long events) {
    printf("%.6f", seconds);
    for (int client = 0; client < clients; client++)
        printf(" %ld", events);
    printf("\n");
}

/* ------------------------------------------------------------------ stream */

typedef struct {
    int fd;
    char *data;
    size_t length, sent;
} Client;

static Client new_client(char **argv, int number) {
    long events = atol(argv[6]);
    size_t length = (size_t)events * EVENT_BYTES;
    Client client = {connect_to(argv[2]), need(length), length, 0};
    for (long seq = 0; seq < events; seq++)
        render(client.data + seq * EVENT_BYTES, number, seq);
    say_open(client.fd, argv[3], number % atoi(argv[4]));
    return client;
}

static void stream_worker(char **argv, int worker, int workers) {
    int clients = atoi(argv[5]);
    size_t piece = atol(argv[7]) ? (size_t)atol(argv[7]) : EVENT_BYTES;
    int count = (clients - worker + workers - 1) / workers;
    Client *mine = need(sizeof(Client) * (size_t)count);
    for (int i = 0; i < count; i++)
        mine[i] = new_client(argv, worker + i * workers);
    wait_for_go();
    for (int open = count; open > 0;) {
        for (Client *client = mine; client < mine + count; client++) {
            if (client->fd < 0)
                continue;
            size_t left = client->length - client->sent;
            size_t now = left < piece ? left : piece;
            write_all(client->fd, client->data + client->sent, now);
            client->sent += now;
            if (client->sent == client->length) {
                wait_for_close(client->fd);
                client->fd = -1;
                open--;
            }
        }
    }
    tell_parent();
    _exit(0);
}

static void stream(char **argv) {
    int clients = atoi(argv[5]);
    int workers = clients < MAX_PROCESSES ? clients : MAX_PROCESSES;
    for (int worker = 0; worker < workers; worker++)
        if (is_worker())
            stream_worker(argv, worker, workers);
    double start_s = start_clock(workers);
    wait_for_workers(workers);
    print_result(now_s() - start_s, clients, atol(argv[6]));
}

/* ------------------------------------------------------------------ endless */

static void endless_worker(char **argv, int number, long *sent) {
    enum { PER_PIECE = PIECE_BYTES / EVENT_BYTES };
    static char piece[PER_PIECE * EVENT_BYTES];
    struct pollfd stop = {STDIN_FILENO, POLLIN, 0};
    int fd = connect_to(argv[2]);
    say_open(fd, argv[3], 0);
    wait_for_go();
    while (poll(&stop, 1, 0) == 0) {
        for (int i = 0; i < PER_PIECE; i++)
            render(piece + i * EVENT_BYTES, number, *sent + i);
        write_all(fd, piece, sizeof piece);
        *sent += PER_PIECE;
    }
    wait_for_close(fd);
    tell_parent();
    _exit(0);
}

static void endless(char **argv) {
    int clients = atoi(argv[4]);
    size_t bytes = sizeof(long) * (size_t)clients;
    long *sent = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sent == MAP_FAILED)
        die("mmap");
    for (int client = 0; client < clients; client++)
        if (is_worker())
            endless_worker(argv, client, sent + client);
    double start_s = start_clock(clients);
    wait_for_workers(clients);
    printf("%.6f", now_s() - start_s);
    for (int client = 0; client < clients; client++)
        printf(" %ld", sent[client]);
    printf("\n");
}

/* ------------------------------------------------------------------ connect */

static void connect_worker(char **argv, int worker) {
    int connections = atoi(argv[5]), workers = atoi(argv[7]), wait = atoi(argv[8]);
    long events = atol(argv[6]);
    size_t hello = strlen(argv[3]) + sizeof "OPEN -0\n" - 1;
    size_t length = hello + (size_t)events * EVENT_BYTES;
    char *data = need(length * (size_t)connections + 1), *next = data;
    for (int number = worker; number < connections; number += workers, next += length) {
        sprintf(next, "OPEN %s-0\n", argv[3]);
        for (long seq = 0; seq < events; seq++)
            render(next + hello + seq * EVENT_BYTES, number, seq);
    }
    wait_for_go();
    for (char *message = data; message < next; message += length) {
        int fd = connect_to(argv[2]);
        write_all(fd, message, length);
        if (wait)
            wait_for_close(fd);
        else
            close(fd);
    }
    tell_parent();
    _exit(0);
}

static void connections(char **argv) {
    int workers = atoi(argv[7]);
    off_t expected = (off_t)atoi(argv[5]) * atoi(argv[6]) * EVENT_BYTES;
    struct stat log = {0};
    for (int worker = 0; worker < workers; worker++)
        if (is_worker())
            connect_worker(argv, worker);
    double start_s = start_clock(workers);
    wait_for_workers(workers);
    double give_up_s = now_s() + PATIENCE_S;
    while ((stat(argv[4], &log) < 0 || log.st_size < expected) && now_s() < give_up_s)
        sleep_us(200);
    print_result(now_s() - start_s, atoi(argv[5]), atol(argv[6]));
}

int main(int argc, char **argv) {
    prepare();
    if (argc == 8 && strcmp(argv[1], "stream") == 0)
        stream(argv);
    else if (argc == 5 && strcmp(argv[1], "endless") == 0)
        endless(argv);
    else if (argc == 9 && strcmp(argv[1], "connect") == 0)
        connections(argv);
    else
        return 2;
    return 0;
}
