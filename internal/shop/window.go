package shop

import "time"

// window counts events per second over the last few seconds. It has no lock.
type window struct {
	buckets []int
	newest  int64 // the second of the newest bucket
}

func newWindow(length time.Duration) window {
	return window{buckets: make([]int, max(1, int(length/time.Second)))}
}

func (w *window) add(now time.Time, n int) {
	w.roll(now)
	w.buckets[w.newest%int64(len(w.buckets))] += n
}

func (w *window) sum(now time.Time) int {
	w.roll(now)
	total := 0
	for _, n := range w.buckets {
		total += n
	}
	return total
}

// last returns the events of the most recent seconds, including the current one.
func (w *window) last(now time.Time, seconds int) int {
	w.roll(now)
	total := 0
	for i := range min(seconds, len(w.buckets)) {
		total += w.buckets[(w.newest-int64(i)+int64(len(w.buckets)))%int64(len(w.buckets))]
	}
	return total
}

func (w *window) clear() { clear(w.buckets) }

// roll empties the buckets of the seconds that passed since the last event.
func (w *window) roll(now time.Time) {
	second := now.Unix()
	if second <= w.newest {
		return
	}
	if second-w.newest >= int64(len(w.buckets)) {
		clear(w.buckets)
	} else {
		for s := w.newest + 1; s <= second; s++ {
			w.buckets[s%int64(len(w.buckets))] = 0
		}
	}
	w.newest = second
}
