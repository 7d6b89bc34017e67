package telemetry

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// readyLine is what the child says on its standard output when it answers.
const readyLine = "ready"

// Main is the child: it opens an Engine and serves it on a socket until its standard input ends, which is when the
// parent stops it or is gone, or until SIGTERM. It returns the exit code.
func Main(args []string) int {
	var cfg EngineConfig
	var socket string
	fs := flag.NewFlagSet("telemetry-engine", flag.ContinueOnError)
	fs.StringVar(&cfg.Dir, "dir", "", "data directory")
	fs.StringVar(&socket, "socket", "", "unix socket to serve on")
	fs.DurationVar(&cfg.Retention, "retention", DefaultRetention, "how long telemetry is kept")
	fs.Int64Var(&cfg.MaxBytes, "max-bytes", 0, "cap of telemetry on disk; 0 is none")
	fs.Int64Var(&cfg.MinFreeBytes, "min-free-bytes", DefaultMinFree, "free disk space below which writes are refused")
	fs.Int64Var(&cfg.MemoryBytes, "memory-bytes", DefaultMemoryBytes, "memory that the process may use")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := runChild(cfg, socket); err != nil {
		fmt.Fprintln(os.Stderr, "telemetry-engine:", err)
		return 1
	}
	return 0
}

func runChild(cfg EngineConfig, socket string) error {
	debug.SetMemoryLimit(cfg.MemoryBytes)

	// An interrupt at the terminal reaches the whole group; the parent decides when we stop.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when the parent closes the pipe or dies
		cancel()
	}()

	engine, err := Open(cfg)
	if err != nil {
		return err
	}
	// Listening comes after opening and ends before closing: whoever holds the lock of the data owns the socket.
	l, err := listen(socket)
	if err != nil {
		_ = engine.Close()
		return err
	}
	fmt.Println(readyLine)
	serveErr := Serve(ctx, engine, l)
	if err := engine.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return serveErr
}

func listen(socket string) (net.Listener, error) {
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("protect socket: %w", err)
	}
	return l, nil
}
