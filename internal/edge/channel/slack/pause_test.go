package slack

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
)

// refusing is a transport that counts and refuses.
type refusing struct {
	at   []time.Duration
	from time.Time
	wait time.Duration
}

func (r *refusing) RoundTrip(*http.Request) (*http.Response, error) {
	r.at = append(r.at, time.Since(r.from))
	e := errs.New(errs.Unavailable, "away")
	e.Wait = r.wait
	return nil, e
}

func TestSlackThatIsAwayIsAskedLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &refusing{from: time.Now()}
		if err := New(config("http://127.0.0.1"), ask.New(rt), nil).Listen(t.Context(), nil); !errs.Is(err, errs.Unavailable) {
			t.Error(err)
		}
		var got []int
		for _, d := range rt.at {
			got = append(got, int(d.Seconds()))
		}
		want := []int{0, 1, 3, 7, 15, 31, 63}
		if len(got) != len(want) {
			t.Fatalf("asked at %v, want %v", got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("asked at %v, want %v", got, want)
			}
		}
	})
}
