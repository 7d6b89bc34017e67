package story

import (
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// postgres is a PostgreSQL of one test, which may be killed.
type postgres struct {
	t    *testing.T
	dir  string
	url  *url.URL
	addr string
}

func startPostgres(t *testing.T) *postgres {
	t.Helper()
	dir, err := os.MkdirTemp("", "nightkeeper-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	p := &postgres{t: t, dir: dir}
	t.Cleanup(func() {
		if out, err := p.script("stop"); err != nil {
			t.Errorf("stop PostgreSQL: %v\n%s", err, out)
		}
	})
	out, err := p.script("start")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no PostgreSQL: %v\n%s", err, out)
		}
		t.Skipf("no PostgreSQL: %v\n%s", err, out)
	}
	if p.url, err = url.Parse(strings.TrimSpace(out)); err != nil {
		t.Fatal(err)
	}
	p.addr = p.url.Host
	return p
}

func (p *postgres) script(what string) (string, error) {
	cmd := exec.Command("../../scripts/postgres.sh", what, p.dir)
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	return string(b), err
}

// dsn returns the database as it is reached at an address.
func (p *postgres) dsn(addr string) string {
	u := *p.url
	u.Host = addr
	return u.String()
}

// kill kills PostgreSQL as kill -9 does, and starts it again after a while.
func (p *postgres) kill(d time.Duration) {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, "data", "postmaster.pid"))
	if err != nil {
		p.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
	pause(d)
	if out, err := p.script("again"); err != nil {
		p.t.Fatalf("start PostgreSQL again: %v\n%s", err, out)
	}
}

// wire is a way to another address that can be cut.
type wire struct {
	lis net.Listener
	to  string

	mu    sync.Mutex
	gone  bool          // connections are refused
	still chan struct{} // not nil: nothing passes until it is closed
	conns map[net.Conn]bool
}

func startWire(t *testing.T, to string) *wire {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{lis: lis, to: to, conns: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := lis.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				running.Go(func() { w.carry(c) })
			}
		}
	})
	t.Cleanup(func() {
		lis.Close()
		w.drop()
		running.Wait()
	})
	return w
}

func (w *wire) addr() string { return w.lis.Addr().String() }

func (w *wire) carry(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer out.Close()
	w.mu.Lock()
	if w.gone {
		w.mu.Unlock()
		return
	}
	w.conns[in], w.conns[out] = true, true
	w.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			defer way[0].Close()
			defer way[1].Close()
			_, _ = io.Copy(way[1], slow{way[0], w}) // it ends when either side or the test says so
		})
	}
	both.Wait()
	w.mu.Lock()
	delete(w.conns, in)
	delete(w.conns, out)
	w.mu.Unlock()
}

// slow reads from a connection, and keeps what it read while the wire is still.
type slow struct {
	net.Conn
	w *wire
}

func (s slow) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.w.mu.Lock()
	still := s.w.still
	s.w.mu.Unlock()
	if still != nil {
		<-still
	}
	return n, err
}

func (w *wire) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.Close()
	}
}

// cut ends all connections and refuses others for a while.
func (w *wire) cut(d time.Duration) {
	w.mu.Lock()
	w.gone = true
	w.mu.Unlock()
	w.drop()
	pause(d)
	w.mu.Lock()
	w.gone = false
	w.mu.Unlock()
}

// hang lets nothing pass for a while, in connections that seem to be there, and cuts them then.
func (w *wire) hang(d time.Duration) {
	still := make(chan struct{})
	w.mu.Lock()
	w.still = still
	w.mu.Unlock()
	pause(d)
	w.drop()
	w.mu.Lock()
	w.still = nil
	w.mu.Unlock()
	close(still)
}
