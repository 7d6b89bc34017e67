package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
)

// Threshold is a value that a metric should not reach.
type Threshold struct {
	Value float64
	Below bool // the metric should not fall to it; otherwise it should not rise to it
	Hold  int  // steps for which it must stay there to count; 0 and 1: the first counts
}

// crossed reports whether v is at the threshold or beyond.
func (t Threshold) crossed(v float64) bool {
	if t.Below {
		return v <= t.Value
	}
	return v >= t.Value
}

// first returns the step at which a path crosses the threshold for as long as it must, or -1.
func (t Threshold) first(path []float64) int {
	run := 0
	for i, v := range path {
		if !t.crossed(v) {
			run = 0
			continue
		}
		if run++; run >= t.Hold {
			return i - run + 1
		}
	}
	return -1
}

// Outlook is what the coming hours look like, step by step after the history.
type Outlook struct {
	Start       time.Time // of the first step
	Step        time.Duration
	Mean        []float64
	Lower       []float64 // between Lower and Upper lie the share Width of all futures, at each step
	Upper       []float64
	Probability []float64 // that the threshold is crossed at this step or before, 0…1
	Crossing    time.Time // the first step at which Mean crosses; zero when it does not
}

const (
	// Width is the share of futures between the bands; Prophet's default.
	Width   = 0.8
	futures = 1000
	// seed makes the same history give the same outlook: a person who asks again gets the same answer.
	seed = 20151001
)

// Look draws futures of a fitted model for a horizon after s, and asks of each when it crosses the threshold. It is the
// same for the same input. Errors: Invalid for a horizon or a threshold that make no sense.
func Look(s Series, m Model, horizon time.Duration, t Threshold) (Outlook, error) {
	if s.Step <= 0 {
		return Outlook{}, errs.New(errs.Invalid, "a series needs a step over 0, such as 1m")
	}
	h, err := s.steps(horizon)
	if err != nil {
		return Outlook{}, err
	}
	if math.IsNaN(t.Value) || t.Hold < 0 || t.Hold > h {
		return Outlook{}, errs.New(errs.Invalid, "a threshold needs a number and a hold of 0 to %d steps, the length of the forecast", h)
	}
	o := Outlook{Start: s.At(len(s.Values)), Step: s.Step, Mean: m.Mean(h), Lower: make([]float64, h), Upper: make([]float64, h), Probability: make([]float64, h)}
	if i := t.first(o.Mean); i >= 0 {
		o.Crossing = s.At(len(s.Values) + i)
	}
	r := rand.New(rand.NewPCG(seed, uint64(h)))
	draw := m.Draw(h)
	path := make([]float64, h)
	all := make([]float64, h*futures) // by step, so that the quantiles of a step lie together
	for k := range futures {
		draw(r, path)
		for i, v := range path {
			all[i*futures+k] = v
		}
		if i := t.first(path); i >= 0 {
			o.Probability[i]++
		}
	}
	for i := range h {
		at := all[i*futures : (i+1)*futures]
		slices.Sort(at)
		o.Lower[i], o.Upper[i] = quantile(at, (1-Width)/2), quantile(at, (1+Width)/2)
	}
	crossed := 0.0
	for i, n := range o.Probability {
		crossed += n
		o.Probability[i] = crossed / futures
	}
	return o, nil
}

// quantile interpolates in sorted values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Within returns the probability that the threshold is crossed within d after the history, 0…1.
func (o Outlook) Within(d time.Duration) float64 {
	i := min(int(d/o.Step), len(o.Probability)) - 1
	if i < 0 {
		return 0
	}
	return o.Probability[i]
}

// Warning is the decision whether to warn of a crossing, and why.
type Warning struct {
	Warn        bool
	At          time.Time // when the probability reaches the limit; zero when it never does
	Probability float64   // of a crossing within the whole outlook
	Reason      string
}

// Warn decides whether to warn: only a model that beat seasonal naive may, and only from the given probability on. Times
// in the reason count from now.
func Warn(now time.Time, c Choice, o Outlook, limit float64) Warning {
	n := len(o.Probability)
	if n == 0 {
		return Warning{Reason: "the outlook is empty"}
	}
	w := Warning{Probability: o.Probability[n-1]}
	i := slices.IndexFunc(o.Probability, func(p float64) bool { return p >= limit })
	if i < 0 {
		w.Reason = fmt.Sprintf("the threshold is crossed in the next %v with probability %.2f, below %.2f", time.Duration(n)*o.Step, w.Probability, limit)
		return w
	}
	w.At = o.Start.Add(time.Duration(i) * o.Step)
	in := max(w.At.Sub(now), 0).Round(time.Minute)
	w.Reason = fmt.Sprintf("the threshold is crossed within %.0f minutes with probability %.2f; %s", in.Minutes(), o.Probability[i], c.Reason)
	w.Warn = c.Warns
	return w
}
