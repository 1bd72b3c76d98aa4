/* C says how many of these lines are plain, and moves plain lines; what is not plain goes to Python untouched.

   A plain line is one strict JSON object that `check_line` would return unchanged, and none of the daemon's own lines
   (`plain_lines`), or one that `export_line` would return unchanged (`plain_elements`). The scanner builds nothing. It
   accepts no wrong line. It may stop at a right one that needs a closer look, such as a number of 300 digits: Python
   repairs, refuses and explains. Without this file everything works, only slower.

   Bounds: each range that is scanned ends with a newline, which is part of no token. So a token can be compared byte by
   byte without a look at the end: the comparison fails at the newline at the latest. Only `next_mark` reads ahead. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if defined(__GNUC__) && !defined(__clang__)
/* Code that is merged shares the memory of its branches, too: it would be a sixth slower. */
#pragma GCC optimize("no-tree-tail-merge")
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

typedef const unsigned char *Text;

enum {
    MAX_DEPTH = 256,          /* as in core/lines.py */
    MAX_DECIMALS = 63,        /* as in core/json_text.py */
    MAX_DIGITS = 200,         /* with an exponent of two digits it still fits a double */
    GIL_BYTES = 8 * 1024,     /* less is scanned sooner than the interpreter is given up and taken back */
    RECV_BYTES = 64 * 1024,   /* as in daemon/connection.py */
    MAX_PARTIAL = 64 * 1024,  /* as in tracerd/speedups.py */
};

/* ------------------------------------------------------------------ marks

   A mark is a byte at which plain text ends: a quote, a backslash, a control character, a byte that is not ASCII. They
   are found 64 bytes at a time, and taken one by one: so where a string ends is known without walking to it. */

#ifdef __SSE2__
ALWAYS_INLINE uint64_t marks_of_64(Text at) {
    uint64_t marks = 0;
    for (int i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(at + 16 * i));
        __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"')), backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
        /* As signed bytes, what is not ASCII is below a blank too. */
        __m128i other = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
        __m128i mark = _mm_or_si128(_mm_or_si128(quote, backslash), other);
        marks |= (uint64_t)(unsigned)_mm_movemask_epi8(mark) << (16 * i);
    }
    return marks;
}
#else
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

ALWAYS_INLINE uint64_t marks_of_64(Text at) {
    uint64_t marks = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t v;
        memcpy(&v, at + 8 * i, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        v = __builtin_bswap64(v);
#endif
        /* Their top bits are set where a byte is no quote, no backslash, no control character, and ASCII. */
        uint64_t low = v & EACH(0x7f), quote = (low ^ EACH('"')) + EACH(0x7f), back = (low ^ EACH('\\')) + EACH(0x7f);
        uint64_t plain = quote & back & (low + EACH(0x60)) & ~v;
        marks |= (((~plain & EACH(0x80)) >> 7) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
    }
    return marks;
}
#endif

/* The marks that were not taken yet, as bits, of the 64 bytes at `at`. Before the place that is looked at all are taken. */
typedef struct { Text at, end; uint64_t bits; } Marks;

ALWAYS_INLINE void find_marks(Marks *marks, Text at) {
    marks->at = at;
    if (LIKELY(marks->end - at >= 64)) {
        marks->bits = marks_of_64(at);
    } else {
        unsigned char rest[64] = {0};
        memcpy(rest, at, (size_t)(marks->end - at));
        marks->bits = marks_of_64(rest);
    }
}

/* Where the next mark is. There is one, for the newline before the end is one. */
ALWAYS_INLINE Text next_mark(Marks *marks) {
    while (UNLIKELY(!marks->bits))
        find_marks(marks, marks->at + 64);
    return marks->at + __builtin_ctzll(marks->bits);
}

ALWAYS_INLINE Text take_mark(Marks *marks) {
    Text mark = next_mark(marks);
    marks->bits &= marks->bits - 1;
    return mark;
}

/* Takes all marks before `p`. */
ALWAYS_INLINE void take_marks(Marks *marks, Text p) {
    if (p - marks->at >= 64)
        find_marks(marks, p);
    else
        marks->bits &= ~UINT64_C(0) << (p - marks->at);
}

/* ------------------------------------------------------------------ tokens

   Each function takes the place where a token begins and returns the place after it, or NULL. */

/* What a line has that some readers care about, as bits. REWRITTEN: an escape that `perfetto_text` may write in another
   way. PROCESS: its category is that of processes of a build, or of what never ended, which may be one. */
enum { ESCAPE = 1, REWRITTEN = 2, NULLS = 4, TS = 8, DUR = 16, PROCESS = 32 };

ALWAYS_INLINE int is_digit(unsigned char c) { return (unsigned char)(c - '0') <= 9; }

static int hex_value(unsigned char c) {
    return is_digit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static Text after_escape(Text p) {
    switch (p[1]) {
    case '\\': case '"': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return p + 2;
    case 'u':
        for (int i = 2; i < 6; i++)
            if (hex_value(p[i]) < 0)
                return NULL;
        /* d800 to dfff is half of a surrogate pair: Python puts the character in its place. */
        return hex_value(p[2]) == 0xd && hex_value(p[3]) >= 8 ? NULL : p + 6;
    default:
        return NULL;
    }
}

ALWAYS_INLINE unsigned kind_of_escape(Text p) {
    return ESCAPE | (p[1] == 'u' || (p[1] == '\\' && p[2] == '"') ? REWRITTEN : 0);
}

ALWAYS_INLINE int continues(unsigned char c) { return (c & 0xc0) == 0x80; }

/* All characters in a row that are not ASCII, as RFC 3629 has them: shortest form, no surrogates, up to U+10FFFF. */
static Text after_utf8(Text p) {
    do {
        if (*p < 0xe0) {
            if (*p < 0xc2 || !continues(p[1]))
                return NULL;
            p += 2;
        } else if (*p < 0xf0) {
            if (!continues(p[1]) || !continues(p[2]) || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] >= 0xa0))
                return NULL;
            p += 3;
        } else {
            if (*p > 0xf4 || !continues(p[1]) || !continues(p[2]) || !continues(p[3]) ||
                (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] >= 0x90))
                return NULL;
            p += 4;
        }
    } while (*p >= 0x80);
    return p;
}

/* From an opening quote, whose mark is the next one, to behind the closing one. */
ALWAYS_INLINE Text after_string(Marks *marks, unsigned *seen) {
    take_mark(marks);
    for (;;) {
        Text p = next_mark(marks);
        if (LIKELY(*p == '"')) {
            take_mark(marks);
            return p + 1;
        }
        if (*p == '\\') {
            *seen |= kind_of_escape(p);
            p = after_escape(p);
        } else {
            p = *p >= 0x80 ? after_utf8(p) : NULL;
        }
        if (!p)
            return NULL;
        take_marks(marks, p);
    }
}

/* Behind the digits at `p`. */
ALWAYS_INLINE Text after_digits(Text p, Text end) {
#ifdef __SSE2__
    if (LIKELY(end - p >= 16)) {
        __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0'));
        unsigned digits = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v));
        p += __builtin_ctz(~digits);
        if (LIKELY(digits != 0xffff))
            return p;
    }
#endif
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* A number that surely fits a double, and that Perfetto reads. */
ALWAYS_INLINE Text after_number(Text p, Text end) {
    if (*p == '-')
        p++;
    Text start = p;
    p = after_digits(p, end);
    if (p == start || p - start > MAX_DIGITS || (*start == '0' && p - start > 1))
        return NULL;
    if (*p == '.') {
        start = ++p;
        p = after_digits(p, end);
        if (p == start || p - start > MAX_DECIMALS)
            return NULL;
    }
    if (UNLIKELY((*p | 32) == 'e')) {
        start = p += p[1] == '-' || p[1] == '+' ? 2 : 1;
        p = after_digits(p, end);
        if (p == start || p - start > 2)
            return NULL;
    }
    return p;
}

ALWAYS_INLINE int begins_with(Text p, const char *prefix) {
    while (*prefix && *p == (unsigned char)*prefix)
        p++, prefix++;
    return !*prefix;
}

/* Tabs and carriage returns are marks, too. */
ALWAYS_INLINE Text after_blanks(Text p, Marks *marks) {
    if (LIKELY(*p > ' '))
        return p;
    for (; *p == ' ' || *p == '\t' || *p == '\r'; p++)
        if (*p != ' ')
            take_mark(marks);
    return p;
}

/* ------------------------------------------------------------------ one line */

typedef enum { LINES, EVENTS } Mode;

/* The phase of an event, if it is one character that may be one. P is left to Python: see trace_json/tef.py. */
ALWAYS_INLINE unsigned char phase_at(Text value) {
    if (value[0] != '"' || value[1] == 'P' || value[1] == '"' || value[1] == '\\' || value[1] <= ' ' || value[1] > '~')
        return 0;
    return value[2] == '"' ? value[1] : 0;
}

/* Looks at a field of an event itself; 0 if Python has to. */
ALWAYS_INLINE int take_field(Text key, Py_ssize_t length, Text value, unsigned *seen, unsigned char *phase) {
#define KEY_IS(name) (length == sizeof name - 1 && !memcmp(key, name, sizeof name - 1))
    if (KEY_IS("ph"))
        return (*phase = phase_at(value)) != 0;
    if (KEY_IS("begin")) /* it may name a begin mark */
        return 0;
    if (KEY_IS("cat") && (begins_with(value, "\"process\"") || begins_with(value, "\"unfinished\"")))
        *seen |= PROCESS;
    if (KEY_IS("ts"))
        *seen |= TS;
    else if (KEY_IS("dur"))
        *seen |= DUR;
    else if (!KEY_IS("tts") && !KEY_IS("tdur"))
        return 1;
    return *value == '-' || is_digit(*value); /* a number in a string is for Python */
}

/* Whether a line of good grammar may pass as an event, the fields being good each by itself. */
ALWAYS_INLINE int is_event(unsigned seen, unsigned char phase) {
    if (phase == 'M')
        return 1;
    if (!phase || !(seen & TS) || (phase == 'X' && !(seen & DUR)))
        return 0;
    return phase != 'C' || !(seen & NULLS); /* Python takes nulls out of counters */
}

/* The place after an object that is good, or NULL. A stack of the brackets that are due keeps this free of recursion. */
ALWAYS_INLINE Text after_object(Text p, Marks *marks, Mode mode, unsigned *line_has) {
    unsigned char closing[MAX_DEPTH];
    int depth = 0;
    unsigned seen = 0;
    unsigned char phase = 0;

    if (*p != '{')
        return NULL;
open:
    if (UNLIKELY(depth == MAX_DEPTH))
        return NULL;
    closing[depth++] = *p == '{' ? '}' : ']';
    p = after_blanks(p + 1, marks);
    if (*p == closing[depth - 1])
        goto close;
    if (closing[depth - 1] == ']')
        goto value;
key:
    if (UNLIKELY(*p != '"') && *(p = after_blanks(p, marks)) != '"')
        return NULL;
    Text name = p + 1;
    unsigned seen_in_name = 0;
    p = after_string(marks, &seen_in_name);
    if (UNLIKELY(!p))
        return NULL;
    Py_ssize_t length = p - 1 - name;
    if (UNLIKELY(*p != ':') && *(p = after_blanks(p, marks)) != ':')
        return NULL;
    p = after_blanks(p + 1, marks);
    if (mode == EVENTS) {
        seen |= seen_in_name;
        if (depth == 1) {
            if (UNLIKELY(seen_in_name & ESCAPE)) /* it may be "ts" in disguise */
                return NULL;
            if (!take_field(name, length, p, &seen, &phase))
                return NULL;
        }
    }
value:
    switch (*p) {
    case '"':
        p = after_string(marks, &seen);
        break;
    case '{': case '[':
        goto open;
    case 't':
        p = begins_with(p, "true") ? p + 4 : NULL;
        break;
    case 'f':
        p = begins_with(p, "false") ? p + 5 : NULL;
        break;
    case 'n':
        seen |= NULLS;
        p = begins_with(p, "null") ? p + 4 : NULL;
        break;
    default:
        p = after_number(p, marks->end);
    }
    if (UNLIKELY(!p))
        return NULL;
next:
    if (LIKELY(*p == ',') || *(p = after_blanks(p, marks)) == ',') {
        p++;
        if (closing[depth - 1] == '}')
            goto key;
        p = after_blanks(p, marks);
        goto value;
    }
    if (UNLIKELY(*p != closing[depth - 1]))
        return NULL;
close:
    p++;
    if (--depth)
        goto next;
    if (mode == EVENTS && !is_event(seen, phase))
        return NULL;
    *line_has |= seen;
    return p;
}

/* ------------------------------------------------------------------ many lines */

/* Whether a line begins as those that only the daemon writes, OWN_PREFIXES in core/own_prefixes.py; of events, whether it is no
   event of a trace.json: a clock line or a begin mark. */
ALWAYS_INLINE int is_special(Text p, Mode mode) {
    static const char metadata[] = "{\"ph\":\"M\",\"name\":\"tracerd_";
    static const char instant[] = "{\"ph\":\"i\",\"s\":\"g\",\"cat\":\"tracerd\",\"name\":\"trace";
    if (begins_with(p, metadata)) {
        p += sizeof metadata - 1;
        return begins_with(p, "clock\",") || (mode == EVENTS && begins_with(p, "begin\","));
    }
    if (mode == EVENTS || !begins_with(p, instant))
        return 0;
    p += sizeof instant - 1;
    return begins_with(p, " full: later events are refused\",") || begins_with(p, "rd: ");
}

typedef struct { Py_ssize_t lines, bytes; unsigned seen; } Plain;

ALWAYS_INLINE Plain scan(Text text, Py_ssize_t length, Mode mode) {
    Plain plain = {0, 0, 0};
    while (length && text[length - 1] != '\n')
        length--;
    Text p = text, end = text + length;
    Marks marks = {text - 64, end, 0};
    while (p < end) {
        unsigned seen = 0;
        if (UNLIKELY(is_special(p, mode)))
            break;
        Text q = after_object(p, &marks, mode, &seen);
        if (UNLIKELY(!q || *q != '\n'))
            break;
        p = take_mark(&marks) + 1;
        plain.lines++;
        plain.seen |= seen;
    }
    plain.bytes = p - text;
    return plain;
}

#define NOT_INLINE static __attribute__((noinline))
NOT_INLINE Plain scan_lines(Text text, Py_ssize_t length) { return scan(text, length, LINES); }
NOT_INLINE Plain scan_events(Text text, Py_ssize_t length) { return scan(text, length, EVENTS); }

/* Lines as elements of a JSON array: a comma and a newline before each, for which its newline goes. */
static void join(char *out, Text p, Py_ssize_t length) {
    for (Text end = p + length; p < end;) {
        Text newline = memchr(p, '\n', (size_t)(end - p));
        memcpy(out, ",\n", 2);
        memcpy(out + 2, p, (size_t)(newline - p));
        out += 2 + (newline - p);
        p = newline + 1;
    }
}

/* ------------------------------------------------------------------ for Python, as tracerd/speedups.py says

   Blocks are bytes objects, which nobody changes while the interpreter is free for others. */

#define WITHOUT_GIL(bytes, work)                                                  \
    do {                                                                          \
        PyThreadState *state = (bytes) >= GIL_BYTES ? PyEval_SaveThread() : NULL; \
        work;                                                                     \
        state ? PyEval_RestoreThread(state) : (void)0;                            \
    } while (0)

static PyObject *plain_lines(PyObject *Py_UNUSED(module), PyObject *block) {
    char *text;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(block, &text, &length) < 0)
        return NULL;
    Plain plain;
    WITHOUT_GIL(length, plain = scan_lines((Text)text, length));
    return Py_BuildValue("nn", plain.lines, plain.bytes);
}

static PyObject *plain_elements(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *block, *elements;
    char *text;
    Py_ssize_t length, start;
    if (!PyArg_ParseTuple(args, "Sn", &block, &start) || PyBytes_AsStringAndSize(block, &text, &length) < 0)
        return NULL;
    if (start < 0 || start > length)
        return PyErr_Format(PyExc_IndexError, "%zd lies outside of the block", start);
    text += start;
    length -= start;
    Plain plain;
    WITHOUT_GIL(length, plain = scan_events((Text)text, length));
    if (plain.seen & REWRITTEN)
        return Py_BuildValue("nnOi", plain.lines, plain.bytes, Py_None, plain.seen & PROCESS);
    elements = PyBytes_FromStringAndSize(NULL, plain.bytes + plain.lines);
    if (!elements)
        return NULL;
    char *out = PyBytes_AsString(elements);
    WITHOUT_GIL(plain.bytes, join(out, (Text)text, plain.bytes));
    return Py_BuildValue("nnNi", plain.lines, plain.bytes, elements, plain.seen & PROCESS);
}

/* ------------------------------------------------------------------ plain lines, from sockets to a log
   A write that fails or is cut short ends the work: the caller undoes what was written of it, and gets its lines. */

/* -1 if not all plain lines of a text could be written, but only `torn` bytes. */
static int append_plain(int log, Text text, Plain plain, Py_ssize_t *torn) {
    ssize_t written = plain.bytes ? write(log, text, (size_t)plain.bytes) : 0;
    *torn = written < 0 || written == plain.bytes ? 0 : written;
    return written == plain.bytes ? 0 : -1;
}

static int is_nothing_there(ssize_t got) { return got < 0 && (errno == EAGAIN || errno == EINTR); }

static PyObject *pump(PyObject *Py_UNUSED(module), PyObject *args) {
    unsigned char buffer[MAX_PARTIAL + RECV_BYTES];
    Py_buffer partial;
    int from, log, most, nothing = 0;
    if (!PyArg_ParseTuple(args, "iiy*i", &from, &log, &partial, &most))
        return NULL;
    Py_ssize_t held = partial.len, received = 0, lines = 0, written = 0, torn = 0;
    if (held <= MAX_PARTIAL)
        memcpy(buffer, partial.buf, (size_t)held);
    PyBuffer_Release(&partial);
    if (held > MAX_PARTIAL)
        return PyErr_Format(PyExc_ValueError, "the partial line is longer than %d bytes", MAX_PARTIAL);
    PyThreadState *state = PyEval_SaveThread();
    for (int reads = 0; reads < most && held <= MAX_PARTIAL; reads++) {
        ssize_t got = recv(from, buffer + held, RECV_BYTES, MSG_DONTWAIT);
        nothing = !received && is_nothing_there(got);
        if (got <= 0)
            break;
        received += got;
        held += got;
        Plain plain = scan_lines(buffer, held);
        if (append_plain(log, buffer, plain, &torn) < 0)
            break;
        lines += plain.lines;
        written += plain.bytes;
        held -= plain.bytes;
        memmove(buffer, buffer + plain.bytes, (size_t)held);
        if (got < RECV_BYTES || memchr(buffer, '\n', (size_t)held))
            break;
    }
    PyEval_RestoreThread(state);
    if (nothing)
        Py_RETURN_NONE;
    return Py_BuildValue("nnnny#", received, lines, written, torn, buffer, held);
}

static PyObject *burst(PyObject *Py_UNUSED(module), PyObject *args) {
    unsigned char buffer[RECV_BYTES];
    const char *hello;
    Py_ssize_t greeted, most, held = 0, served = 0, lines = 0, written = 0, torn = 0;
    int listener, log, client = -1, ended = 0, error = 0;
    if (!PyArg_ParseTuple(args, "iiy#n", &listener, &log, &hello, &greeted, &most))
        return NULL;
    PyThreadState *state = PyEval_SaveThread();
    for (; served < most && written <= 2 * RECV_BYTES; served++) {
        struct ucred peer;
        socklen_t size = sizeof peer;
        held = ended = 0;
        client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        error = client < 0 ? errno : 0;
        if (error || getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid())
            break;
        for (ssize_t got = 1; got > 0 && held < RECV_BYTES; held += got > 0 ? got : 0) {
            got = recv(client, buffer + held, (size_t)(RECV_BYTES - held), MSG_DONTWAIT);
            ended = got <= 0 && !is_nothing_there(got);
        }
        if (!ended || held <= greeted || memcmp(buffer, hello, (size_t)greeted))
            break;
        Plain plain = scan_lines(buffer + greeted, held - greeted);
        if (plain.bytes < held - greeted || append_plain(log, buffer + greeted, plain, &torn) < 0)
            break;
        lines += plain.lines;
        written += plain.bytes;
        close(client);
        client = -1;
    }
    PyEval_RestoreThread(state);
    return Py_BuildValue("nnnniiy#i", served, lines, written, torn, error, client, buffer, held, ended);
}

#define DOC(signature) signature "\n--\n\nSee tracerd.speedups."

static PyMethodDef methods[] = {
    {"plain_lines", plain_lines, METH_O, DOC("plain_lines(block, /)")},
    {"plain_elements", plain_elements, METH_VARARGS, DOC("plain_elements(block, start, /)")},
    {"pump", pump, METH_VARARGS, DOC("pump(socket, log, partial, reads, /)")},
    {"burst", burst, METH_VARARGS, DOC("burst(listener, log, hello, most, /)")},
    {NULL, NULL, 0, NULL},
};

static int set_up(PyObject *module) {
#ifdef __SSE2__
    return PyModule_AddStringConstant(module, "INSTRUCTIONS", "SSE2");
#else
    return PyModule_AddStringConstant(module, "INSTRUCTIONS", "portable");
#endif
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, set_up}, {0, NULL}};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "tracerd._speedups",
    .m_doc = "How many of these lines are plain, decided in C.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__speedups(void) { return PyModuleDef_Init(&definition); }
