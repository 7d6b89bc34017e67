package ui

import (
	"context"
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
