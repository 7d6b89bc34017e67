package telemetry

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func openRollup(tb testing.TB, dir string) *Rollup {
	tb.Helper()
	r, err := OpenRollup(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = r.Close() })
	return r
}

func loadAll(tb testing.TB, r *Rollup, since time.Time) []string {
	tb.Helper()
	var out []string
	if err := r.Load(since, func(at time.Time, p []byte) error {
		out = append(out, at.Format("15:04")+" "+string(p))
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	return out
}

func appendAll(tb testing.TB, r *Rollup, at time.Time, texts ...string) {
	tb.Helper()
	for _, s := range texts {
		if err := r.Append(at, []byte(s)); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestRollupKeepsThreeHours(t *testing.T) {
	dir := t.TempDir()
	r := openRollup(t, dir)
	for h := range 6 {
		appendAll(t, r, noon.Add(time.Duration(h)*time.Hour), fmt.Sprint(h))
	}
	want := []string{"14:00 2", "15:00 3", "16:00 4", "17:00 5"} // the hour of three hours ago is kept in whole
	if got := loadAll(t, openRollup(t, dir), time.Time{}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := loadAll(t, r, noon.Add(4*time.Hour)); !slices.Equal(got, want[2:]) {
		t.Errorf("since 16:00: got %q", got)
	}
}

func TestRollupSkipsATornTailAndGoesOn(t *testing.T) {
	for cut := 1; cut <= rollupHeader+len("second"); cut++ {
		dir := t.TempDir()
		r := openRollup(t, dir)
		appendAll(t, r, noon, "first", "second")
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, segmentName(noon))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, int64(len(whole)-cut)); err != nil {
			t.Fatal(err)
		}
		r = openRollup(t, dir)
		if got := loadAll(t, r, time.Time{}); !slices.Equal(got, []string{"12:00 first"}) {
			t.Fatalf("cut %d: got %q", cut, got)
		}
		appendAll(t, r, noon.Add(time.Minute), "third")
		if got := loadAll(t, openRollup(t, dir), time.Time{}); !slices.Equal(got, []string{"12:00 first", "12:01 third"}) {
			t.Fatalf("cut %d, after append: got %q", cut, got)
		}
	}
}

func TestRollupStopsAtTheErrorOfTheReader(t *testing.T) {
	r := openRollup(t, t.TempDir())
	appendAll(t, r, noon, "a", "b")
	n := 0
	err := r.Load(time.Time{}, func(time.Time, []byte) error { n++; return os.ErrInvalid })
	if err != os.ErrInvalid || n != 1 {
		t.Errorf("got %v after %d", err, n)
	}
}

func FuzzRollup(f *testing.F) {
	two := appendEntry(appendEntry(nil, noon, []byte("one")), noon, nil)
	f.Add(two)
	f.Add(two[:len(two)-3])
	f.Add([]byte{255, 255, 255, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		whole, err := readEntries(bytes.NewReader(b), func(at time.Time, p []byte) error {
			again = appendEntry(again, at, p)
			return nil
		})
		if err != nil || !bytes.Equal(again, b[:whole]) {
			t.Fatalf("%d whole bytes of %d, %v", whole, len(b), err)
		}
	})
}
