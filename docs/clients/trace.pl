# A span from Perl.
use strict; use warnings;
use Cwd; use IO::Socket::UNIX; use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

sub now { int(1e6 * clock_gettime(CLOCK_MONOTONIC)) }

my $dir = $ENV{XDG_RUNTIME_DIR} || (grep { -o } "/run/user/$>", "/tmp/tracerd-$>")[0] || '';
my $socket = IO::Socket::UNIX->new($ENV{TRACERD_SOCKET} || "$dir/tracerd.socket");

sub send_line {
    local $SIG{PIPE} = 'IGNORE'; # the daemon may have gone
    $socket && syswrite $socket, "$_[0]\n";
}

send_line("OPEN $ENV{TRACERD_TRACE_ID}");
send_line(qq({"ph":"M","name":"process_name","pid":$$,"args":{"name":"Perl"}}));
my $start = now();
1 while <STDIN>; # the work
my $dur = now() - $start;
send_line(qq({"ph":"X","name":"work","pid":$$,"tid":$$,"ts":$start,"dur":$dur}));
send_line('EMIT_TEF ' . getcwd() . '/trace.json');
