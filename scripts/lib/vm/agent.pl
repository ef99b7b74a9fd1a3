#!/usr/bin/perl
# Runs commands for the host of this virtual machine over a virtio-serial port. Perl, since every Debian has it and one fork per command is all it takes.
#
# To us:  "run ID TIMEOUT COMMAND-LENGTH INPUT-LENGTH\n", the command for bash, what goes to its standard input.
# To the host, each with its length in bytes first: "out ID LENGTH\n", "err ID LENGTH\n" and bytes; "end ID CODE\n"; "ready BOOT-ID 0\n" at the start.
# CODE is the exit code, 128 + N after signal N, 124 when the command took longer than TIMEOUT seconds.
use strict;
use warnings;
use POSIX qw(:sys_wait_h setsid);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($path) = @ARGV;
my $boot = slurp("/proc/sys/kernel/random/boot_id");
open(my $port, "+<:raw", $path) or die "open $path: $!";
binmode($port);
my (%running, $asked);
$SIG{CHLD} = sub { };
$asked = "";
send_all("ready $boot 0\n");

while (1) {
    reap();
    my $read = "";
    vec($read, fileno($port), 1) = 1;
    for my $job (values %running) {
        vec($read, fileno($_->{pipe}), 1) = 1 for @{ $job->{streams} };
    }
    my $found = select($read, undef, undef, %running ? 0.2 : 5);
    next if $found <= 0;
    if (vec($read, fileno($port), 1)) {
        my $got = sysread($port, $asked, 65536, length $asked);
        die "read $path: $!" if !defined $got;
        # Nobody is connected on the other side; systemd starts us again.
        exit 1 if $got == 0;
        start_asked();
    }
    for my $job (values %running) {
        for my $stream (@{ $job->{streams} }) { pump($job, $stream) if vec($read, fileno($stream->{pipe}), 1); }
        @{ $job->{streams} } = grep { !$_->{ended} } @{ $job->{streams} };
    }
}

sub start_asked {
    while ($asked =~ /^([^\n]*)\n/) {
        my $line = $1;
        if ($line !~ /^run (\d+) ([\d.]+) (\d+) (\d+)$/) {
            # What a host before us left unsaid.
            substr($asked, 0, length($line) + 1, "");
            next;
        }
        my ($id, $timeout, $command, $input) = ($1, $2, $3, $4);
        my $head = length($line) + 1;
        return if length($asked) < $head + $command + $input;
        start_one($id, $timeout, substr($asked, $head, $command), substr($asked, $head + $command, $input));
        substr($asked, 0, $head + $command + $input, "");
    }
}

sub start_one {
    my ($id, $timeout, $command, $input) = @_;
    my ($file, @pipes);
    open($file, "+>:raw", undef) or die "temporary file: $!";
    if (length $input) {
        syswrite($file, $input) // die "write: $!";
        sysseek($file, 0, 0);
    }
    for (qw(out err)) { pipe(my $from, my $to) or die "pipe: $!"; push @pipes, [$_, $from, $to]; }
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        setsid();
        POSIX::dup2(fileno($file), 0);
        POSIX::dup2(fileno($pipes[0][2]), 1);
        POSIX::dup2(fileno($pipes[1][2]), 2);
        POSIX::close($_) for grep { $_ > 2 } map { fileno($_) } $port, $file, map { @$_[1, 2] } @pipes;
        $SIG{CHLD} = "DEFAULT";
        exec("/bin/bash", "-c", $command) or POSIX::_exit(127);
    }
    close($_->[2]) for @pipes;
    my @streams = map { { name => $_->[0], pipe => $_->[1] } } @pipes;
    $running{$id} = { id => $id, pid => $pid, until => now() + $timeout, streams => \@streams };
}

sub pump {
    my ($job, $stream) = @_;
    my $got = sysread($stream->{pipe}, my $bytes, 65536);
    if ($got) { send_all("$stream->{name} $job->{id} $got\n$bytes"); }
    else { $stream->{ended} = 1; close($stream->{pipe}); }
}

sub reap {
    for my $job (values %running) {
        if (!defined $job->{code}) {
            if (waitpid($job->{pid}, WNOHANG) == $job->{pid}) {
                my $status = $?;
                $job->{code} = WIFSIGNALED($status) ? 128 + WTERMSIG($status) : WEXITSTATUS($status);
                $job->{code} = 124 if $job->{late};
                # What it left running in the background may hold the pipes; its own words are in them by now.
                $job->{linger} = now() + 0.3;
            }
            elsif (now() > $job->{until}) { $job->{late} = 1; kill("KILL", -$job->{pid}); }
        }
        next if !defined $job->{code};
        next if @{ $job->{streams} } && now() < $job->{linger};
        for my $stream (@{ $job->{streams} }) { drain($job, $stream); close($stream->{pipe}); }
        delete $running{ $job->{id} };
        send_all("end $job->{id} $job->{code}\n");
    }
}

sub drain {
    my ($job, $stream) = @_;
    while (1) {
        my $ready = "";
        vec($ready, fileno($stream->{pipe}), 1) = 1;
        last if select($ready, undef, undef, 0) <= 0;
        pump($job, $stream);
        last if $stream->{ended};
    }
}

sub send_all {
    my ($bytes) = @_;
    for (my $sent = 0; $sent < length $bytes;) {
        my $now = syswrite($port, $bytes, length($bytes) - $sent, $sent);
        next if !defined $now && $!{EINTR};
        die "write $path: $!" if !defined $now;
        $sent += $now;
    }
}

# The wall clock is set by commands that run here.
sub now { clock_gettime(CLOCK_MONOTONIC) }

sub slurp {
    my ($file) = @_;
    open(my $from, "<", $file) or die "open $file: $!";
    my $text = <$from>;
    chomp $text;
    return $text;
}
