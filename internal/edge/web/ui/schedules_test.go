package ui

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"
)

func TestSpanIsSaidByTheClocksOfTheSchedule(t *testing.T) {
	from := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 7)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		reader   *time.Location
		from, to time.Time
		zone     string
		want     string
	}{
		{time.UTC, from, to, "Europe/Berlin", "09:00 to 09:00 in Europe/Berlin"},
		{berlin, from, to, "Europe/Paris", ""},
		{time.UTC, from, to, "", ""},
		{time.UTC, from, time.Time{}, "Europe/Berlin", "09:00 in Europe/Berlin"},
		{time.UTC, from.Add(-8 * time.Hour), to, "America/New_York", "Sun 22 Nov 19:00 to 03:00 in America/New_York"},
	} {
		ctx := context.WithValue(context.Background(), shellKey{}, &shell{Zone: x.reader})
		if got := spanThere(ctx, x.from, x.to, x.zone); got != x.want {
			t.Errorf("%s in %s for a reader in %s: got %q, want %q", x.from, x.zone, x.reader, got, x.want)
		}
	}
}

func TestSpreadBeginsTodayAtTheEarliest(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 34, 0, 0, time.UTC)
	for query, want := range map[string]string{
		"":                        "2026-11-22 to 2026-12-06",
		"days=28&from=2026-11-22": "2026-11-22 to 2026-12-20",
		"days=7&from=2026-12-20":  "2026-12-20 to 2026-12-27",
		"days=9&from=2026-11-01":  "2026-11-22 to 2026-12-06",
		"from=2028-01-01":         "2026-11-22 to 2026-12-06",
	} {
		v := spreadOf(httptest.NewRequest("GET", "/oncall?"+query, nil), now, time.UTC)
		if got := v.From.Format(time.DateOnly) + " to " + v.to().Format(time.DateOnly); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}
