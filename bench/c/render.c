/* Writes EVENTS events of one client to standard output: a log that no daemon had to make.

     render EVENTS */

#include "event.h"

int main(int argc, char **argv) {
    char event[EVENT_BYTES];
    if (argc != 2)
        return 2;
    for (long seq = 0; seq < atol(argv[1]); seq++) {
        render(event, 0, seq);
        if (fwrite(event, EVENT_BYTES, 1, stdout) != 1)
            die("write");
    }
    return 0;
}
