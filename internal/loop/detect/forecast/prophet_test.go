package forecast

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shared returns the folder with real series, which are not part of the project, and skips the test without it.
func shared(tb testing.TB, name string) string {
	tb.Helper()
	const env = "NIGHTKEEPER_TEST_FORECAST"
	dir := filepath.Join(cmp.Or(os.Getenv(env), "../../../../../shared/data/forecast"), name)
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("set %s to a directory with %s", env, name)
	}
	return dir
}

// reference is one fit by Prophet itself.
type reference struct {
	Params struct {
		K     float64   `json:"k"`
		M     float64   `json:"m"`
		Sigma float64   `json:"sigma_obs"`
		Beta  []float64 `json:"beta"`
		Delta []float64 `json:"delta"`
		At    []float64 `json:"changepoints_t"`
	} `json:"params"`
	DS []string `json:"ds"`
	F  struct {
		Yhat  []float64 `json:"yhat"`
		Lower []float64 `json:"yhat_lower"`
		Upper []float64 `json:"yhat_upper"`
		Trend []float64 `json:"trend"`
	} `json:"f"`
}

func seconds(tb testing.TB, date string) float64 {
	tb.Helper()
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		tb.Fatal(err)
	}
	return float64(at.Unix())
}

func dated(tb testing.TB, file string) (sec, y []float64) {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.ReplaceAll(string(b), "\r", "\n"))).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	for _, r := range rows[1:] {
		v, err := strconv.ParseFloat(r[1], 64)
		if err != nil {
			continue // Prophet leaves rows without a value out
		}
		sec, y = append(sec, seconds(tb, r[0])), append(y, v)
	}
	return sec, y
}

func TestFitAgreesWithProphet(t *testing.T) {
	dir := shared(t, "prophet")
	b, err := os.ReadFile(filepath.Join(dir, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file     string
		hold           int // last rows that Prophet did not see
		multiplicative bool
		mean, largest  float64 // allowed difference of yhat
	}{
		{"peyton_default_365", "example_wp_log_peyton_manning.csv", 0, false, 0.01, 0.05},
		{"test_data.csv_30", "data.csv", 30, false, 1, 4},
		{"air_additive", "example_air_passengers.csv", 24, false, 1, 4},
		{"air_multiplicative", "example_air_passengers.csv", 24, true, 3, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ref reference
			if err := json.Unmarshal(all[c.name], &ref); err != nil {
				t.Fatal(err)
			}
			sec, y := dated(t, filepath.Join(dir, c.file))
			n := len(y) - c.hold
			p, err := fitProphet(sec[:n], y[:n], c.multiplicative)
			if err != nil {
				t.Fatal(err)
			}
			for i, at := range ref.Params.At {
				if math.Abs(at-p.at[i]) > 1e-9 {
					t.Fatalf("changepoint %d at %v, Prophet has it at %v", i, p.at[i], at)
				}
			}
			var at []float64
			for _, d := range ref.DS {
				at = append(at, seconds(t, d))
			}
			got := make([]float64, len(at))
			buf := make([]float64, len(p.beta))
			var sum, worst float64
			for i, s := range at {
				got[i] = p.fitted(s, buf)
				d := math.Abs(got[i] - ref.F.Yhat[i])
				sum, worst = sum+d, max(worst, d)
			}
			t.Logf("mean difference %.5f, largest %.5f of values up to %.4g; noise %.6f, Prophet %.6f", sum/float64(len(at)), worst, slices.Max(ref.F.Yhat), p.noise, ref.Params.Sigma)
			if sum/float64(len(at)) > c.mean || worst > c.largest {
				t.Errorf("differs by %.4f on average and %.4f at most; want %.4f and %.4f", sum/float64(len(at)), worst, c.mean, c.largest)
			}
			theirs := *p
			theirs.k, theirs.m, theirs.delta, theirs.beta, theirs.noise = ref.Params.K, ref.Params.M, ref.Params.Delta, ref.Params.Beta, ref.Params.Sigma
			ours, stan := loss(p, sec[:n], y[:n]), loss(&theirs, sec[:n], y[:n])
			t.Logf("minus log posterior %.4f, Prophet %.4f", ours, stan)
			if ours > stan+1e-3 {
				t.Errorf("minus log posterior %.6f is above Prophet's %.6f: not the maximum", ours, stan)
			}
		})
	}
}

// Bands: of the known values as many lie between ours as between Prophet's, and over the year that follows they open alike.
func TestBandsAgreeWithProphet(t *testing.T) {
	dir := shared(t, "prophet")
	b, err := os.ReadFile(filepath.Join(dir, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Peyton reference `json:"peyton_default_365"`
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	sec, y := dated(t, filepath.Join(dir, "example_wp_log_peyton_manning.csv"))
	p, err := fitProphet(sec, y, false)
	if err != nil {
		t.Fatal(err)
	}
	ref, buf := all.Peyton.F, make([]float64, len(p.beta))
	half := 1.2815515655 * p.noise * p.scale
	var ours, theirs int
	for i, v := range y {
		if math.Abs(v-p.fitted(sec[i], buf)) <= half {
			ours++
		}
		if v >= ref.Lower[i] && v <= ref.Upper[i] {
			theirs++
		}
	}
	if a, b := float64(ours)/float64(len(y)), float64(theirs)/float64(len(y)); math.Abs(a-b) > 0.03 {
		t.Errorf("%.3f of the values lie between our bands, %.3f between Prophet's", a, b)
	}
	p.end, p.step = time.Unix(int64(sec[len(sec)-1]), 0).UTC(), day
	s := Series{Start: p.end, Step: day, Values: y[:1]}
	o, err := Look(s, p, 365*day, Threshold{Value: 1e9})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{30, 180, 364} {
		a, b := o.Upper[i]-o.Lower[i], ref.Upper[len(y)+i]-ref.Lower[len(y)+i]
		t.Logf("day %d: our bands %.3f apart, Prophet's %.3f", i, a, b)
		if math.Abs(a/b-1) > 0.12 {
			t.Errorf("day %d: our bands are %.3f apart, Prophet's %.3f", i, a, b)
		}
	}
}

// Prophet's own cross-validation on this series: from two years on, each half year, a year ahead. Its table says .505 for
// the mean absolute error of the first 37 days, and .670 of the values between its bands.
func TestCrossValidationAgreesWithProphet(t *testing.T) {
	sec, y := dated(t, filepath.Join(shared(t, "prophet"), "example_wp_log_peyton_manning.csv"))
	const d = 86400.0
	var sum, n, in float64
	for cut := sec[len(sec)-1] - 365*d; cut >= sec[0]+730*d; cut -= 180 * d {
		have := 0
		for have < len(sec) && sec[have] <= cut {
			have++
		}
		p, err := fitProphet(sec[:have], y[:have], false)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]float64, len(p.beta))
		for i := have; i < len(sec) && sec[i] <= cut+37*d; i++ {
			e := math.Abs(y[i] - p.fitted(sec[i], buf))
			if sum, n = sum+e, n+1; e < 1.2815515655*p.noise*p.scale {
				in++
			}
		}
	}
	t.Logf("mean absolute error %.4f and %.3f between the bands, over %.0f values", sum/n, in/n, n)
	if math.Abs(sum/n-0.505) > 0.01 || math.Abs(in/n-0.670) > 0.03 {
		t.Errorf("mean absolute error %.4f and %.3f between the bands; Prophet has .505 and .670", sum/n, in/n)
	}
}

// loss is minus the log posterior as Prophet writes it, but for constants and for the prior of the offset.
func loss(p *Prophet, sec, y []float64) float64 {
	buf := make([]float64, len(p.beta))
	out := float64(len(y))*math.Log(p.noise) + 2*p.noise*p.noise + p.k*p.k/50
	for i, v := range y {
		e := (v - p.fitted(sec[i], buf)) / p.scale / p.noise
		out += e * e / 2
	}
	for _, d := range p.delta {
		out += math.Abs(d) / changepointScale
	}
	for _, b := range p.beta {
		out += b * b / 200
	}
	return out
}
