package job

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
)

func TestBackoffDoublesUpToFiveMinutes(t *testing.T) {
	for n, want := range map[int]time.Duration{-1: time.Second, 0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 9: 256 * time.Second,
		10: 5 * time.Minute, 1000: 5 * time.Minute} {
		if got := Backoff(n); got != want {
			t.Errorf("after %d: %s, want %s", n, got, want)
		}
	}
}

func TestArgumentsComeBack(t *testing.T) {
	type args struct{ Group string }
	j := New("k", "key", time.Time{}, args{"g"})
	if got, err := Decode[args](j); err != nil || got.Group != "g" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := Decode[args](New("k", "key", time.Time{}, nil)); err != nil || got.Group != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Decode[args](Job{Args: []byte("{")}); err == nil {
		t.Error("broken arguments were read")
	}
	defer func() {
		if recover() == nil {
			t.Error("arguments that cannot be written are a bug and panic")
		}
	}()
	New("k", "key", time.Time{}, make(chan int))
}

func TestOnlyAClockThatGoesBackFarMovesWork(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	for noted, want := range map[time.Duration]time.Duration{-2 * time.Hour: 0, 0: 0, 30 * time.Second: 0, time.Minute: 0, 2 * time.Hour: 2 * time.Hour} {
		if got := SetBack(now.Add(noted), now); got != want {
			t.Errorf("noted %s ahead: %s, want %s", noted, got, want)
		}
	}
	if got := SetBack(time.Time{}, now); got != 0 {
		t.Errorf("nothing noted: %s", got)
	}
}

func TestTaskComesAgainWhenItIsTold(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	busy := errs.New(errs.Unavailable, "busy")
	busy.Wait = time.Minute
	f := func(err error, attempts int, due time.Duration, counts bool) {
		t.Helper()
		got, c := Next(err, attempts, now)
		if got.Sub(now) != due || c != counts {
			t.Errorf("%v after %d: %s, %v", err, attempts, got.Sub(now), c)
		}
	}
	f(errors.New("broken"), 3, 4*time.Second, true)
	f(fmt.Errorf("send: %w", busy), 1, time.Minute, true)
	f(busy, 9, 256*time.Second, true) // not sooner than our own patience
	f(fmt.Errorf("send: %w", Later(now.Add(time.Hour), "a storm")), 5, time.Hour, false)
}
