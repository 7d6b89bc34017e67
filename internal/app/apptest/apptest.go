package apptest

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/app"
)

// Patience is how long something is waited for before it counts as never happening.
const Patience = 60 * time.Second

// Main runs the tests of a package, or the child that the test program was started as. It is called by TestMain.
func Main(m *testing.M) {
	if code, ok := app.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// World is a running Nightkeeper and what a test may do with it.
type World struct {
	T       testing.TB
	App     *app.App
	Data    string // its data directory
	Catalog string // its catalog directory
	Log     *Log
	API     *Client // with all rights
	options app.Options
}

// Files is a catalog: texts by file name.
type Files map[string]string

// Start runs Nightkeeper with a catalog; change may alter its options. It is stopped at the end of the test.
func Start(t testing.TB, catalog Files, change func(*app.Options)) *World {
	t.Helper()
	w := &World{T: t, Data: filepath.Join(t.TempDir(), "data"), Catalog: t.TempDir(), Log: &Log{}}
	w.Declare(catalog)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.options = app.Options{
		DataDir: w.Data, CatalogDir: w.Catalog, HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", OTLPAddr: "127.0.0.1:0",
		AllowOutgoing: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AdminPassword: "correct horse", Self: []string{self},
		GatePatience: Patience, // a slow machine is no store that hangs
		Log:          slog.New(slog.NewTextHandler(w.Log, nil)),
	}
	if change != nil {
		change(&w.options)
		w.Data, w.Catalog = w.options.DataDir, w.options.CatalogDir
	}
	w.Boot()
	t.Cleanup(func() {
		w.Stop()
		if t.Failed() {
			t.Logf("log of the program:\n%s", w.Log)
		}
	})
	return w
}

// Boot starts the program, again after Stop.
func (w *World) Boot() {
	w.T.Helper()
	a, err := app.New(w.options)
	if err != nil {
		w.T.Fatal(err)
	}
	w.App = a
	if err := a.Start(w.T.Context()); err != nil {
		w.Stop()
		w.T.Fatalf("start: %v\n%s", err, w.Log)
	}
	token, err := os.ReadFile(filepath.Join(w.Data, "cli-token"))
	if err != nil {
		w.T.Fatal(err)
	}
	w.API = w.As(strings.TrimSpace(string(token)))
}

// Stop ends the program. It may be called twice.
func (w *World) Stop() {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := w.App.Stop(ctx); err != nil {
		w.T.Errorf("stop: %v", err)
	}
}

// Declare writes files into the catalog directory; an empty text removes the file.
func (w *World) Declare(files Files) {
	w.T.Helper()
	for name, text := range files {
		path := filepath.Join(w.Catalog, name)
		if text == "" {
			if err := os.Remove(path); err != nil {
				w.T.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			w.T.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			w.T.Fatal(err)
		}
	}
}

// As returns a client with a token; an empty one is nobody.
func (w *World) As(token string) *Client {
	return &Client{t: w.T, base: w.App.URL, token: token}
}

// Eventually waits until ok is true, for what has no signal.
func (w *World) Eventually(what string, ok func() bool) {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(w.T.Context(), Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.T.Fatalf("%s: not within %s", what, Patience)
		}
	}
}
