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
	f("604800s", week)
	f("7d", week)
	f("1 week", week)
	f("1_week", week)
	f("2 wks", 2*week)
	f("12 hrs", 12*time.Hour)
	f("1 hour and 30 minutes", 90*time.Minute)
	f("1 day, 2 hours and 3 minutes", 26*time.Hour+3*time.Minute)
	f("5 Minutes", 5*time.Minute)
	f("2μs", 2*time.Microsecond)

	bad := func(s string) {
		t.Helper()
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q was read as %s", s, got)
		}
	}
	for _, s := range []string{"", " ", "10", "h", "-5m", "5m-", "5 parsecs", "1h30", "1,5h", "99999999999w", "1e3s", "5m5", "\x00", "1M", "2 months", "1 Year", "1y", "and 5m", "5m and", "5 and 5m",
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

func TestDurationThatIsRefusedSaysWhatWouldBeRight(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if d, err := ParseDuration(s); err == nil || err.Error() != want {
			t.Errorf("%q: %s, %v\nwant %s", s, d, err, want)
		}
	}
	f("1M", `"1M" has months or years in it, which are not always as long; write days, such as 30d`)
	f("2 years", `"2 years" has months or years in it, which are not always as long; write days, such as 30d`)
	f("-5m", `"-5m" is negative; a duration is 0 or more`)
	f("10", `"10" is not a duration; write a number and a unit, such as 90s, 10m, 4h, 28d or "10 minutes"`)
	f("10 parsecs", `"10 parsecs" has the unknown unit "parsecs"; the units are ms, s, m, h, d and w`)
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

// Local times that clocks skip or show twice count by the offset before the change.
func TestSkippedAndDoubledLocalTimes(t *testing.T) {
	f := func(zone string, s Time, want string) {
		t.Helper()
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.In(loc)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s in %s: %s, %v, want %s", s, zone, got.Format(time.RFC3339), err, want)
		}
	}
	const berlin, york, sydney, howe, apia = "Europe/Berlin", "America/New_York", "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Apia"
	f(berlin, "2026-03-29T01:59:59", "2026-03-29T01:59:59+01:00")
	f(berlin, "2026-03-29T02:00", "2026-03-29T03:00:00+02:00")
	f(berlin, "2026-03-29T02:30", "2026-03-29T03:30:00+02:00")
	f(berlin, "2026-03-29T03:00", "2026-03-29T03:00:00+02:00")
	f(berlin, "2026-10-25T01:59", "2026-10-25T01:59:00+02:00")
	f(berlin, "2026-10-25T02:00", "2026-10-25T02:00:00+02:00")
	f(berlin, "2026-10-25T02:59:59", "2026-10-25T02:59:59+02:00")
	f(berlin, "2026-10-25T03:00", "2026-10-25T03:00:00+01:00")
	f(york, "2026-03-08T02:30", "2026-03-08T03:30:00-04:00")
	f(york, "2026-11-01T01:30", "2026-11-01T01:30:00-04:00")
	f(sydney, "2026-10-04T02:15", "2026-10-04T03:15:00+11:00")
	f(sydney, "2026-04-05T02:15", "2026-04-05T02:15:00+11:00")
	f(howe, "2026-10-04T02:15", "2026-10-04T02:45:00+11:00") // half an hour is skipped
	f(howe, "2026-04-05T01:45", "2026-04-05T01:45:00+11:00")
	f(apia, "2011-12-29T23:59:59", "2011-12-29T23:59:59-10:00")
	f(apia, "2011-12-30T09:00", "2011-12-31T09:00:00+14:00") // a day is skipped
	f(apia, "2011-12-31T00:00", "2011-12-31T00:00:00+14:00")
	f("Asia/Kathmandu", "2026-06-01T09:00", "2026-06-01T09:00:00+05:45")
	f("Europe/Dublin", "2026-03-29T01:30", "2026-03-29T02:30:00+01:00")
	f("Africa/Casablanca", "2026-02-15T02:30", "2026-02-15T02:30:00+01:00") // clocks go back for Ramadan
	f("UTC", "2040-06-01T09:00", "2040-06-01T09:00:00Z")
	f(berlin, "2099-03-29T02:30", "2099-03-29T03:30:00+02:00") // by the rule for years that no table has
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"90s", "1h30m", "28d", "10 minutes", "4_hours", "0", "-1s", "1.5µs", "99999999999w", "1 hour and 2 minutes", "604800s", "1M", "1_week, 2_days"} {
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
