package catalog

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestPeriodsOfTheCalendar(t *testing.T) {
	for _, c := range []struct{ length, start, zone, now, from, to string }{
		{"1M", "2026-01-01 00:00:00", "UTC", "2026-11-27T03:09:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"1M", "2026-01-01 00:00:00", "Europe/Berlin", "2026-10-31T23:30:00Z", "2026-11-01T00:00:00+01:00", "2026-12-01T00:00:00+01:00"},
		{"1M", "2026-01-31 00:00:00", "UTC", "2026-03-01T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"1w", "2026-01-05 09:00:00", "America/New_York", "2026-03-09T12:59:59Z", "2026-03-02T09:00:00-05:00", "2026-03-09T09:00:00-04:00"},
		{"1w", "2026-01-05 09:00:00", "America/New_York", "2026-03-09T13:00:00Z", "2026-03-09T09:00:00-04:00", "2026-03-16T09:00:00-04:00"},
		{"1Q", "2026-01-01 00:00:00", "Asia/Tokyo", "2026-03-31T15:00:00Z", "2026-04-01T00:00:00+09:00", "2026-07-01T00:00:00+09:00"},
		{"1Y", "2026-04-01 00:00:00", "UTC", "2025-12-24T18:00:00Z", "2025-04-01T00:00:00Z", "2026-04-01T00:00:00Z"},
	} {
		cal, err := ParseCalendar(c.length, c.start, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		from, to := cal.Period(now)
		if from.Format(time.RFC3339) != c.from || to.Format(time.RFC3339) != c.to {
			t.Errorf("%s since %s at %s: from %s to %s, want %s to %s", c.length, c.start, c.now, from.Format(time.RFC3339), to.Format(time.RFC3339), c.from, c.to)
		}
	}
}

// Whatever the zone and the moment, the moment is in its period and the next period begins where it ends.
func TestPeriodsFollowEachOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo"}
	for range 3000 {
		start := time.Unix(rng.Int64N(2_000_000_000)+700_000_000, 0).UTC()
		cal, err := ParseCalendar([]string{"1d", "1w", "2w", "1M", "1Q", "1Y"}[rng.IntN(6)], start.Format(time.DateTime), zones[rng.IntN(len(zones))])
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(rng.Int64N(2_000_000_000)+700_000_000, 0)
		from, to := cal.Period(now)
		if now.Before(from) || !now.Before(to) {
			t.Errorf("%s since %s in %s: %s is not in %s to %s", cal.Duration, start, cal.TimeZone, now, from, to)
		}
		if next, _ := cal.Period(to); !next.Equal(to) {
			t.Errorf("%s since %s in %s: ends at %s and goes on at %s", cal.Duration, start, cal.TimeZone, to, next)
		}
	}
}

func TestWrongCalendarsSayWhatWouldBeRight(t *testing.T) {
	for _, c := range [][3]string{{"28d12h", "2026-01-01 00:00:00", ""}, {"1m", "2026-01-01 00:00:00", ""}, {"0M", "2026-01-01 00:00:00", ""}, {"1M", "2026-01-01", ""}, {"1M", "2026-01-01 00:00:00", "Mars/Olympus"}, {"1M", "0001-01-01 00:00:00", ""}} {
		if cal, err := ParseCalendar(c[0], c[1], c[2]); err == nil {
			t.Errorf("%v is taken: %v", c, cal)
		}
	}
}

func FuzzParseCalendar(f *testing.F) {
	f.Add("1M", "2026-01-31 00:00:00", "Europe/Berlin", int64(1_795_000_000))
	f.Fuzz(func(t *testing.T, length, start, zone string, at int64) {
		cal, err := ParseCalendar(length, start, zone)
		if err != nil {
			return
		}
		now := time.Unix(at%4_000_000_000, 0)
		if from, to := cal.Period(now); now.Before(from) || !now.Before(to) {
			t.Errorf("%s since %s: %s is not in %s to %s", cal.Duration, cal.StartTime, now, from, to)
		}
	})
}
