package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
)

// Trial is how one model did on the past.
type Trial struct {
	Name  string
	MASE  float64 // mean absolute error over all back-tests, in units of the mean change from one season to the next
	Tests int     // back-tests in which the model could be fitted
}

// Choice is the model that may speak for a series, and why.
type Choice struct {
	Model  Model
	Name   string
	Warns  bool    // it beat seasonal naive, so a warning may be built on it
	Reason string  // for people
	Trials []Trial // of all models, best first
}

// A fitter makes a model of a history; nil when the model does not suit it.
type fitter struct {
	name string
	fit  func(s Series) Model
}

const naive = "seasonal naive"

// fitters returns the models that suit a series, seasonal naive first.
func fitters(s Series) []fitter {
	m, w := s.season(), s.week()
	out := []fitter{{naive, func(s Series) Model { return fitNaive(s.Values, m) }}}
	if w > 0 {
		out = append(out, fitter{"weekly naive", func(s Series) Model { return fitNaive(s.Values, w) }})
	}
	prophet := func(multiplicative bool) func(s Series) Model {
		return func(s Series) Model {
			if p, err := FitProphet(s, multiplicative); err == nil {
				return p
			}
			return nil
		}
	}
	winters := func(multiplicative bool) func(s Series) Model {
		return func(s Series) Model {
			if f := fitWinters(s.Values, m, w, multiplicative); f != nil {
				return f
			}
			return nil
		}
	}
	return append(out,
		fitter{"linear trend", func(s Series) Model { return fitLine(s.Values) }},
		fitter{"autoregression", func(s Series) Model {
			if f := fitLags(s.Values, m, w); f != nil {
				return f
			}
			return nil
		}},
		fitter{"Prophet", prophet(false)},
		fitter{"multiplicative Prophet", prophet(true)},
		fitter{"Holt-Winters", winters(false)},
		fitter{"multiplicative Holt-Winters", winters(true)},
	)
}

const tests = 6 // back-tests of a series that is long enough

// Choose fits all models at up to six origins in the past, lets each look a horizon ahead, and takes the one with the
// smallest error. Errors: Invalid for a horizon or a series that is too short.
func Choose(s Series, horizon time.Duration) (Choice, error) {
	if err := s.check(); err != nil {
		return Choice{}, err
	}
	h, err := s.steps(horizon)
	if err != nil {
		return Choice{}, err
	}
	origins := s.origins(h)
	if len(origins) == 0 {
		need := 2*s.season() + leastKnown + h
		return Choice{}, errs.New(errs.Invalid, "%d values are too few to test a forecast of %v: %d are needed (%v)", len(s.Values), horizon, need, time.Duration(need)*s.Step)
	}
	all := fitters(s)
	looks, trials := make([][][]float64, len(all)), make([]Trial, len(all))
	for i, f := range all {
		looks[i] = f.look(s, origins, h)
		trials[i] = score(f.name, s, origins, looks[i])
	}
	if team := best(trials, blended); len(team) == blended {
		f := fitter{fmt.Sprintf("the mean of %s, %s and %s", all[team[0]].name, all[team[1]].name, all[team[2]].name), func(s Series) Model {
			var b blend
			for _, i := range team {
				m := all[i].fit(s)
				if m == nil {
					return nil
				}
				b = append(b, m)
			}
			return b
		}}
		all = append(all, f)
		looks = append(looks, average(looks, team))
		trials = append(trials, score(f.name, s, origins, looks[len(looks)-1]))
	}
	winner, model, reason := elect(s, all, trials)
	c := Choice{Model: model, Name: all[winner].name, Reason: reason, Warns: winner > 0}
	slices.SortStableFunc(trials, func(a, b Trial) int { return cmp.Compare(a.MASE, b.MASE) })
	c.Trials = trials
	return c, nil
}

// elect fits the winner to the whole history. A model that suited the past, and does not suit the last values, is out.
// Seasonal naive suits all.
func elect(s Series, all []fitter, trials []Trial) (int, Model, string) {
	for {
		winner, reason := judge(trials)
		if m := all[winner].fit(s); m != nil {
			return winner, m, reason
		}
		trials[winner].Tests = 0
	}
}

const blended = 3 // models of which the mean is tried too: errors of unlike models go different ways

// best returns the n trials with the smallest errors, among those with all back-tests.
func best(trials []Trial, n int) []int {
	var out []int
	for i, t := range trials {
		if t.Tests == trials[0].Tests && t.Tests > 0 && !math.IsInf(t.MASE, 0) {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(trials[a].MASE, trials[b].MASE) })
	return out[:min(n, len(out))]
}

// average returns the mean of the forecasts of a team from each origin.
func average(looks [][][]float64, team []int) [][]float64 {
	out := make([][]float64, len(looks[team[0]]))
	for o := range out {
		for _, i := range team {
			if looks[i][o] == nil {
				out[o] = nil
				break
			}
			if out[o] == nil {
				out[o] = make([]float64, len(looks[i][o]))
			}
			for k, x := range looks[i][o] {
				out[o][k] += x / float64(len(team))
			}
		}
	}
	return out
}

// steps returns how many steps a horizon has.
func (s Series) steps(horizon time.Duration) (int, error) {
	h := int((horizon + s.Step - 1) / s.Step)
	if horizon <= 0 || h > longest {
		return 0, errs.New(errs.Invalid, "a forecast of %v at a step of %v is not possible: ask for 1 to %d steps", horizon, s.Step, longest)
	}
	return h, nil
}

const longest = 10000 // steps ahead

// origins returns the places in the past from which a forecast is tried: the last ones that do not overlap, and leave at
// least half of the history before them.
func (s Series) origins(h int) []int {
	least := max(2*s.season()+leastKnown, len(s.Values)/2)
	if len(s.Values)-h < least {
		least = 2*s.season() + leastKnown
	}
	var out []int
	for at := len(s.Values) - h; at >= least && len(out) < tests; at -= h {
		out = append(out, at)
	}
	return out
}

// look returns the forecasts from all origins; nil where the model could not be fitted.
func (f fitter) look(s Series, origins []int, h int) [][]float64 {
	out := make([][]float64, len(origins))
	for i, at := range origins {
		if past := s.head(at); past.check() == nil {
			if m := f.fit(past); m != nil {
				out[i] = m.Mean(h)
			}
		}
	}
	return out
}

// score returns how the forecasts of a model did.
func score(name string, s Series, origins []int, looks [][]float64) Trial {
	t := Trial{Name: name}
	for i, at := range origins {
		if looks[i] == nil {
			continue
		}
		if e := MASE(s.head(at), looks[i], s.Values[at:at+len(looks[i])]); !math.IsNaN(e) {
			t.MASE += e
			t.Tests++
		}
	}
	t.MASE /= float64(t.Tests)
	return t
}

// MASE returns the mean absolute error of a forecast, in units of the mean absolute change from one season to the next in
// the history before it. It is NaN when nothing is known to compare, and +Inf for an error where nothing ever changed.
func MASE(past Series, forecast, truth []float64) float64 {
	m := past.season()
	unit := meanOf(past.Values, func(i int) float64 {
		if i < m {
			return math.NaN()
		}
		return math.Abs(past.Values[i] - past.Values[i-m])
	})
	e := meanOf(truth, func(i int) float64 { return math.Abs(truth[i] - forecast[i]) })
	switch {
	case e == 0:
		return 0
	case unit == 0:
		return math.Inf(1)
	}
	return e / unit
}

// judge returns which model wins and why. The first trial is seasonal naive, and wins unless another did better in as
// many back-tests.
func judge(trials []Trial) (int, string) {
	base := trials[0]
	best := 0
	for i, t := range trials {
		if t.Tests == base.Tests && t.MASE < trials[best].MASE {
			best = i
		}
	}
	over := fmt.Sprintf("over %d back-tests", base.Tests)
	if base.Tests == 1 {
		over = "in 1 back-test"
	}
	switch {
	case base.Tests == 0:
		return 0, "nothing is known in the last hours to test a forecast with, so none may warn"
	case best == 0:
		return 0, fmt.Sprintf("no model beats seasonal naive (MASE %.2f) %s, so none may warn", base.MASE, over)
	case math.IsInf(base.MASE, 1):
		return best, fmt.Sprintf("%s beats seasonal naive %s", trials[best].Name, over)
	}
	return best, fmt.Sprintf("%s beats seasonal naive by %.0f %% %s", trials[best].Name, 100*(1-trials[best].MASE/base.MASE), over)
}
