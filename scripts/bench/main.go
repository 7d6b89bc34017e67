// Command bench measures what people wait for and pay for: a cold build, the size of the binary, the time from start to
// ready, the memory of an idle server with its telemetry engine, alerts taken in beside Alertmanager, how long an alert
// takes to the first message, a call to very many people, a list of very many alerts, and the Go benchmarks. It prints
// medians beside what we aim for on two cores, and fails when an aim is missed by more than half.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	b := bench{}
	flag.IntVar(&b.runs, "runs", 5, "starts to take the median of")
	flag.BoolVar(&b.cold, "cold", true, "build with an empty cache; takes minutes")
	flag.DurationVar(&b.idle, "idle", 30*time.Second, "how long a server is idle before its memory is read")
	only := flag.String("only", "", "what to measure, such as start,intake; empty is all: "+strings.Join(names(), ", "))
	flag.Parse()
	if err := b.run(context.Background(), *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if b.missed {
		os.Exit(1)
	}
}

type bench struct {
	runs   int
	cold   bool
	idle   time.Duration
	binary string
	missed bool
}

// parts are what is measured, in order; dir is an empty directory for each.
var parts = []struct {
	name string
	run  func(b *bench, ctx context.Context, dir string) error
}{
	{"start", (*bench).starts},
	{"intake", (*bench).intake},
	{"page", (*bench).page},
	{"fanout", (*bench).fanout},
	{"many", (*bench).many},
	{"go", (*bench).goBenchmarks},
}

func names() []string {
	var out []string
	for _, p := range parts {
		out = append(out, p.name)
	}
	return out
}

func (b *bench) run(ctx context.Context, only string) error {
	var chosen []string
	if only != "" {
		chosen = strings.Split(only, ",")
	}
	for _, name := range chosen {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no part %q; parts are %s", name, strings.Join(names(), ", "))
		}
	}
	tmp, err := os.MkdirTemp("", "nightkeeper-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	b.binary = filepath.Join(tmp, "nightkeeper")
	if err := b.build(ctx, tmp); err != nil {
		return err
	}
	for _, p := range parts {
		if len(chosen) > 0 && !slices.Contains(chosen, p.name) {
			continue
		}
		dir := filepath.Join(tmp, p.name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if err := p.run(b, ctx, dir); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func (b *bench) goBenchmarks(ctx context.Context, _ string) error {
	fmt.Println()
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchtime", "1s", "-count", "3", "./...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	for l := range strings.Lines(string(out)) {
		if strings.HasPrefix(l, "Benchmark") || strings.HasPrefix(l, "pkg:") || strings.HasPrefix(l, "FAIL") {
			fmt.Print(l)
		}
	}
	return err
}

// line prints a measurement with what it may be at most.
func (b *bench) line(what string, got float64, unit string, aim float64) {
	b.print(what, got, unit, "at most", aim, got/aim)
}

// atLeast prints a measurement with what it should be at least.
func (b *bench) atLeast(what string, got float64, unit string, aim float64) {
	b.print(what, got, unit, "at least", aim, aim/got)
}

func (b *bench) print(what string, got float64, unit, how string, aim, share float64) {
	mark := "ok"
	switch {
	case share > 1.5:
		mark, b.missed = "MISSED", true
	case share > 1:
		mark = "not met"
	}
	fmt.Printf("%-44s %9.2f %-3s  aim: %s %g %s  %s\n", what, got, unit, how, aim, unit, mark)
}

// build builds the binary as make build does, with an empty cache when cold.
func (b *bench) build(ctx context.Context, tmp string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", b.binary, "./cmd/nightkeeper")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b.cold {
		cmd.Env = append(cmd.Env, "GOCACHE="+filepath.Join(tmp, "cache"))
	}
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if b.cold {
		wall := time.Since(began)
		cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		b.line("cold build, wall", wall.Seconds(), "s", 180)
		fmt.Printf("%-44s %9.2f s\n", "cold build, processor", cpu.Seconds())
	}
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.line("binary, stripped", float64(info.Size())/(1<<20), "MB", 70)
	return nil
}

func median(xs []float64) float64 { return quantile(xs, 0.5) }

// quantile returns the value below which a share of the values lies.
func quantile(xs []float64, share float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	xs = slices.Sorted(slices.Values(xs))
	at := share * float64(len(xs)-1)
	low := int(at)
	if low+1 == len(xs) {
		return xs[low]
	}
	return xs[low] + (at-float64(low))*(xs[low+1]-xs[low])
}
