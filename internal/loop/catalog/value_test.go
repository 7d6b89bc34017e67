package catalog

import (
	"encoding/json"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	f := func(s string, want time.Duration) {
		t.Helper()
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", s, got, err, want)
		}
	}
	f("0", 0)
	f("90s", 90*time.Second)
	f("10m", 10*time.Minute)
	f("1h30m", 90*time.Minute)
	f("1h 30m", 90*time.Minute)
	f("28d", 28*24*time.Hour)
	f("4w", 28*24*time.Hour)
	f("10 minutes", 10*time.Minute)
	f("4_hours", 4*time.Hour)
	f("1 day, 2 hours", 26*time.Hour)
	f("1.5h", 90*time.Minute)
	f("0.5s", 500*time.Millisecond)
	f("250ms", 250*time.Millisecond)
	f("30 Sec", 30*time.Second)
	f(" 5m ", 5*time.Minute)
	f("3us", 3*time.Microsecond)
	f("1.5µs", 1500*time.Nanosecond)
	f("7ns", 7*time.Nanosecond)

	bad := func(s string) {
		t.Helper()
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q was read as %s", s, got)
		}
	}
	for _, s := range []string{"", " ", "10", "h", "-5m", "5m-", "5 parsecs", "1h30", "1,5h", "99999999999w", "1e3s", "5m5", "\x00",
		"100000000h 100000000h 100000000h 100000000h"} {
		bad(s)
	}
}

func TestDurationIsWrittenAsItCanBeRead(t *testing.T) {
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := Duration(d).String(); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
		if back, err := ParseDuration(Duration(d).String()); err != nil || back != d {
			t.Errorf("%q is read back as %s, %v", Duration(d), back, err)
		}
	}
	f(0, "0s")
	f(28*24*time.Hour, "28d")
	f(90*time.Minute, "1h30m")
	f(2*time.Hour, "2h")
	f(10*time.Hour, "10h")
	f(10*time.Minute, "10m")
	f(time.Hour+10*time.Second, "1h0m10s")
	f(90*time.Second, "1m30s")
	f(1500*time.Millisecond, "1.5s")
	f(1500*time.Nanosecond, "1.5µs")
	f(1, "1ns")
}

func TestDurationAsJSON(t *testing.T) {
	b, err := json.Marshal(Duration(5 * time.Minute))
	if err != nil || string(b) != `"5m"` {
		t.Errorf("%s, %v", b, err)
	}
	var d Duration
	if err := json.Unmarshal([]byte(`"1h30m"`), &d); err != nil || d.D() != 90*time.Minute {
		t.Errorf("%s, %v", d, err)
	}
	for _, s := range []string{`5`, `"x"`, `null`, `{}`} {
		if err := json.Unmarshal([]byte(s), &d); err == nil && s != `null` {
			t.Errorf("%s was read", s)
		}
	}
}

func TestTimeIn(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	f := func(s Time, want string) {
		t.Helper()
		got, err := s.In(berlin)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v, want %s", s, got.UTC(), err, want)
		}
	}
	f("2026-01-05", "2026-01-04T23:00:00Z")
	f("2026-01-05T09:00", "2026-01-05T08:00:00Z")
	f("2026-07-05 09:00", "2026-07-05T07:00:00Z")
	f("2026-07-05 09:00:30", "2026-07-05T07:00:30Z")
	f("2026-07-05T09:00:30", "2026-07-05T07:00:30Z")
	f("2026-07-05T09:00:00Z", "2026-07-05T09:00:00Z")
	f("2026-07-05T09:00:00-04:00", "2026-07-05T13:00:00Z")
	for _, s := range []Time{"", "soon", "2026-13-01", "05.01.2026", "09:00"} {
		if got, err := s.In(berlin); err == nil {
			t.Errorf("%q was read as %s", s, got)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"90s", "1h30m", "28d", "10 minutes", "4_hours", "0", "-1s", "1.5µs", "99999999999w"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is %s: no duration is negative", s, d)
		}
		if back, err := ParseDuration(Duration(d).String()); err != nil || back != d {
			t.Fatalf("%q is %d, written as %q, which is read as %d, %v", s, d, Duration(d), back, err)
		}
	})
}
