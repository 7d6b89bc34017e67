package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"nightkeeper/internal/loop/observe/graph"
)

// minEvents is how many requests or calls a service must show before it can be judged.
const minEvents = 4

// finding is the case against one service while it is being weighed.
type finding struct {
	Suspect
	weigh bool // a symptom that another service's trouble can explain
}

// Run weighs the scene and returns the ranked suspects.
func Run(s Scene) Diagnosis {
	said := readLogs(s.Logs, s.Services)
	in := incoming(s)
	var found []finding
	for name, p := range s.Services {
		for _, f := range []*finding{
			crash(s, name, p, in[name]), hang(s, name, p, in[name], said), slow(s, name, p, in[name]),
			failing(s, name, p, in[name], said[name]), corrupt(s, name, p, said[name]), surge(s, name, p, in[name]), pool(s, name, p),
		} {
			if f != nil && f.Score > 0.05 {
				f.Service = name
				found = append(found, *f)
			}
		}
	}
	damp(s, found)
	d := Diagnosis{At: s.Now, Onset: s.Onset, Suspects: merge(s, found)}
	d.Confidence = confidence(d.Suspects)
	d.Summary = summarise(d)
	return d
}

// calls is what reached a service, by its callers' own count.
type calls struct {
	Pair
	callers int
}

func incoming(s Scene) map[string]calls {
	out := map[string]calls{}
	for e, p := range s.Calls {
		c := out[e.Server]
		c.Before = sum(c.Before, p.Before)
		c.During = sum(c.During, p.During)
		if p.During.Requests > 0 {
			c.callers++
		}
		out[e.Server] = c
	}
	return out
}

func sum(a, b graph.Stats) graph.Stats {
	a.Requests += b.Requests
	a.Errors += b.Errors
	a.Resends += b.Resends
	a.Refused += b.Refused
	a.Timeouts += b.Timeouts
	a.Rejected += b.Rejected
	a.Total += b.Total
	return a
}

func share(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}

// crash: callers are refused, and the service itself answers less than it is called.
func crash(s Scene, name string, p Pair, in calls) *finding {
	refused := in.During.Refused - in.Before.Refused
	sh := share(refused, in.During.Requests)
	if refused < minEvents || sh < 0.2 {
		return nil
	}
	return &finding{Suspect: Suspect{Kind: Crash, Score: 0.6 + 0.4*sh, Evidence: []Evidence{{
		Text: fmt.Sprintf("%d of %d calls to %s were refused or cut since %s; before there were none to speak of (%d)", refused, in.During.Requests, name, clock(s.Onset), in.Before.Refused),
		Link: traces(name, s),
	}}}}
}

// hang: callers give up waiting, and the service completes next to nothing well.
func hang(s Scene, name string, p Pair, in calls, said map[string]*logs) *finding {
	gaveUp := share(in.During.Timeouts, in.During.Requests)
	was := share(in.Before.Timeouts, in.Before.Requests)
	good := p.During.Requests - p.During.Errors
	expected := float64(p.Before.Requests-p.Before.Errors) * ratio(s)
	if in.During.Timeouts < minEvents || gaveUp < 0.5 || gaveUp < 3*was || float64(good) > 0.25*expected+1 {
		return nil
	}
	own := 1.0
	if l := said[name]; l != nil && l.lines > 3 {
		own = 1 - share(int64(l.pointing), int64(l.lines))
	}
	return &finding{weigh: true, Suspect: Suspect{Kind: Hang, Score: (0.5 + 0.45*gaveUp) * (0.3 + 0.7*own), Evidence: []Evidence{{
		Text: fmt.Sprintf("callers gave up on %d of %d calls to %s, which answered %d requests well where about %.0f were usual", in.During.Timeouts, in.During.Requests, name, good, expected),
		Link: traces(name, s),
	}}}}
}

// slow: requests spend longer in the service itself, calls and waits left aside.
func slow(s Scene, name string, p Pair, in calls) *finding {
	served := p.During.Requests - p.During.Rejected
	if served < minEvents || p.Before.Requests < minEvents {
		return nil
	}
	usual := p.Before.SelfHist.Quantile(0.95)
	limit := max(2*usual, usual+80*time.Millisecond)
	longer := share(p.During.SlowerThan(limit), served)
	wasLonger := share(p.Before.SlowerThan(limit), p.Before.Requests)
	score := longer - wasLonger
	if score < 0.1 {
		return nil
	}
	now := p.During.SelfHist.Quantile(0.9)
	f := &finding{Suspect: Suspect{Kind: Slow, Score: 0.35 + 0.6*score, Evidence: []Evidence{{
		Text: fmt.Sprintf("%.0f %% of requests spend over %s in %s itself; %s was its 95th percentile before, now the 90th is %s", 100*longer, limit.Round(time.Millisecond), name, usual, now),
		Link: profile(name, s),
	}}}}
	resent := share(in.During.Resends, in.During.Requests)
	wasResent := share(in.Before.Resends, in.Before.Requests)
	if in.During.Resends >= minEvents && resent > 0.15 && resent > 2*wasResent {
		f.Kind = RetryStorm
		rate := float64(in.During.Requests) / max(s.DuringSpan.Seconds(), 1) / max(float64(in.Before.Requests)/max(s.BeforeSpan.Seconds(), 1), 0.01)
		f.Evidence = append(f.Evidence, Evidence{
			Text: fmt.Sprintf("%.0f %% of the calls to it from %d services are repeats of failed ones (%.0f %% before); it gets %.1f times its usual calls", 100*resent, in.callers, 100*wasResent, rate),
			Link: "/map?focus=" + name,
		})
		if waited := p.During.QueueWait - p.Before.QueueWait; waited > time.Second {
			f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("requests waited %s in its queue in all", waited.Round(time.Second)), Link: traces(name, s)})
		}
	}
	return f
}

// failing: requests fail in the service without a failed call or a wait that would explain it.
func failing(s Scene, name string, p Pair, in calls, l *logs) *finding {
	origin := p.During.Origin - min(p.During.Origin, p.During.Rejected)
	sh := share(origin, p.During.Requests) - share(p.Before.Origin, p.Before.Requests)
	if origin < minEvents || sh < 0.02 {
		return nil
	}
	own := 1.0
	if l != nil && l.lines > 2 {
		own = 1 - share(int64(l.pointing), int64(l.lines))
	}
	ev := []Evidence{{
		Text: fmt.Sprintf("%d of %d requests fail in %s itself, with no failed call behind them (%.1f %% before)", origin, p.During.Requests, name, 100*share(p.Before.Origin, p.Before.Requests)),
		Link: traces(name, s),
	}}
	if l != nil && l.sample != "" {
		ev = append(ev, Evidence{Text: "it logs: " + cut(l.sample, 160), Link: logLink(name, s)})
	}
	return &finding{Suspect: Suspect{Kind: Errors, Score: (0.45 + 0.5*math.Sqrt(sh)) * (0.15 + 0.85*own), Evidence: ev}}
}

// corrupt: the service says that its data are damaged.
func corrupt(s Scene, name string, _ Pair, l *logs) *finding {
	if l == nil || l.corrupt < 2 {
		return nil
	}
	return &finding{Suspect: Suspect{Kind: DataCorruption, Score: 0.98, Evidence: []Evidence{{
		Text: fmt.Sprintf("%d error lines of %s report damaged data: %s", l.corrupt, name, cut(l.corrupted, 160)),
		Link: logLink(name, s),
	}}}}
}

// surge: more first attempts than usual arrive, from customers or callers, and the service cannot take them.
func surge(s Scene, name string, p Pair, in calls) *finding {
	now, was := p.During.Roots, p.Before.Roots
	first := max(p.During.Requests-in.During.Resends, now)
	firstWas := max(p.Before.Requests-in.Before.Resends, was)
	expected, expectedRoots := float64(firstWas)*ratio(s), float64(was)*ratio(s)
	if first < 20 || float64(first) < 1.7*expected || (float64(first)-expected)/math.Sqrt(max(expected, 1)) < 5 {
		return nil
	}
	rooted := (float64(now) - expectedRoots) / max(float64(first)-expected, 1)
	strained := share(p.During.Errors, p.During.Requests) > 0.02 || p.During.QueueWait > p.Before.QueueWait+time.Second
	score := 0.4
	if rooted > 0.5 {
		score = 0.62
	}
	if strained {
		score += 0.15
	}
	return &finding{Suspect: Suspect{Kind: TrafficSurge, Score: score, Evidence: []Evidence{{
		Text: fmt.Sprintf("%s gets %.1f times its usual requests, repeats not counted (%d since %s, about %.0f were usual)", name, float64(first)/max(expected, 1), first, clock(s.Onset), expected),
		Link: "/services/" + name,
	}}}}
}

// pool: requests wait for connections to something that answers as fast and as well as ever.
func pool(s Scene, name string, p Pair) *finding {
	wait := per(p.During.PoolWait, p.During.Requests)
	was := per(p.Before.PoolWait, p.Before.Requests)
	if p.During.Requests < minEvents || wait < 20*time.Millisecond || wait < 5*was {
		return nil
	}
	worst := 1.0
	for e, c := range s.Calls {
		if e.Client != name || c.Before.Requests < minEvents {
			continue
		}
		slower := float64(c.During.Mean()) / float64(max(c.Before.Mean(), 5*time.Millisecond))
		bad := 1 + 20*max(c.During.ErrorShare()-c.Before.ErrorShare(), 0)
		worst = max(worst, slower, bad)
	}
	return &finding{weigh: true, Suspect: Suspect{Kind: PoolExhaustion, Score: 0.85 / math.Pow(worst, 0.7), Evidence: []Evidence{{
		Text: fmt.Sprintf("a request waits %s for a connection in %s (%s before), while what it calls answers about as before (at most %.1f times worse)", wait.Round(time.Millisecond), name, was.Round(time.Millisecond), worst),
		Link: traces(name, s),
	}}}}
}

// damp lowers what a worse dependency explains: a caller of the culprit shows symptoms too.
func damp(s Scene, found []finding) {
	score := map[string]float64{}
	for _, f := range found {
		if !f.weigh || f.Kind == Hang {
			score[f.Service] = max(score[f.Service], f.Score)
		}
	}
	for i := range found {
		f := &found[i]
		for e, c := range s.Calls {
			if e.Client != f.Service || c.During.Requests < minEvents || score[e.Server] <= 0.3 {
				continue
			}
			suffers := c.During.ErrorShare() > 0.1 || c.During.Mean() > 3*max(c.Before.Mean(), 5*time.Millisecond)
			if !suffers {
				continue
			}
			if f.weigh || score[e.Server] > f.Score {
				f.Score *= 0.6
				break
			}
		}
	}
}

// merge keeps the strongest finding of each service, adds the others' evidence to it, and sees a new version behind it.
func merge(s Scene, found []finding) []Suspect {
	slices.SortStableFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind))
	})
	var out []Suspect
	for _, f := range found {
		i := slices.IndexFunc(out, func(o Suspect) bool { return o.Service == f.Service })
		if i < 0 {
			out = append(out, f.Suspect)
			continue
		}
		out[i].Evidence = append(out[i].Evidence, f.Evidence...)
	}
	for i := range out {
		deployed(s, &out[i])
	}
	slices.SortStableFunc(out, func(a, b Suspect) int { return cmp.Compare(b.Score, a.Score) })
	return out[:min(len(out), 5)]
}

// deployWindow is how long before the trouble a new version is still suspected.
const deployWindow = 15 * time.Minute

// deployed turns a suspect into a bad deploy when a new version went out shortly before its trouble.
func deployed(s Scene, x *Suspect) {
	if x.Kind == DataCorruption || x.Kind == TrafficSurge {
		return
	}
	version, at := "", time.Time{}
	for v, seen := range s.Versions[x.Service] {
		if seen.After(at) {
			version, at = v, seen
		}
	}
	fresh := len(s.Versions[x.Service]) > 1 && at.After(s.Onset.Add(-deployWindow)) && at.Before(s.Onset.Add(2*graph.Width))
	for _, d := range s.Deploys {
		if d.Service != x.Service || d.At.Before(s.Onset.Add(-deployWindow)) || d.At.After(s.Onset.Add(2*graph.Width)) {
			continue
		}
		x.Version, x.Previous, x.Commit, x.Author = d.Version, d.PreviousVersion, d.Commit, d.Author
		x.Evidence = append(x.Evidence, Evidence{
			Text: fmt.Sprintf("version %s (commit %s by %s) was deployed at %s, %s before the first sign", d.Version, orNone(d.Commit), orNone(d.Author), clock(d.At), max(s.Onset.Sub(d.At), 0).Round(time.Second)),
			Link: "/services/" + x.Service,
		})
		fresh = true
	}
	if !fresh {
		return
	}
	if x.Version == "" {
		x.Version = version
		x.Evidence = append(x.Evidence, Evidence{Text: fmt.Sprintf("version %s first answered at %s", version, clock(at)), Link: "/services/" + x.Service})
	}
	if x.Previous == "" {
		x.Previous = before(s.Versions[x.Service], x.Version)
	}
	x.Kind = BadDeploy
	x.Score = min(x.Score+0.15, 1)
}

func before(versions map[string]time.Time, version string) string {
	best, at := "", time.Time{}
	for v, seen := range versions {
		if v != version && !seen.Before(at) {
			best, at = v, seen
		}
	}
	return best
}

func confidence(xs []Suspect) Confidence {
	switch {
	case len(xs) == 0:
		return Low
	case xs[0].Score >= 0.55 && (len(xs) == 1 || xs[0].Score >= 1.15*xs[1].Score):
		return High
	case xs[0].Score >= 0.4:
		return Medium
	}
	return Low
}

// ratio scales what was counted before to the length of the time since.
func ratio(s Scene) float64 {
	if s.BeforeSpan <= 0 {
		return 1
	}
	return s.DuringSpan.Seconds() / s.BeforeSpan.Seconds()
}

func per(d time.Duration, n int64) time.Duration {
	if n == 0 {
		return 0
	}
	return d / time.Duration(n)
}
