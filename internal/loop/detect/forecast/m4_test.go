package forecast

import (
	"encoding/csv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func wide(tb testing.TB, file string) map[string][]float64 {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	out := map[string][]float64{}
	for _, row := range rows[1:] {
		for _, x := range row[1:] {
			if v, err := strconv.ParseFloat(x, 64); err == nil {
				out[row[0]] = append(out[row[0]], v)
			}
		}
	}
	return out
}

// m4 returns the mean MASE of the chosen model, and of each model by its name, on the hourly series of the M4 competition,
// 48 hours ahead; and how often each was chosen. Where a model does not suit a series, seasonal naive counts for it.
func m4(tb testing.TB) (mase map[string]float64, chosen map[string]int, n int) {
	dir := shared(tb, "m4-hourly")
	train, test := wide(tb, filepath.Join(dir, "train.csv")), wide(tb, filepath.Join(dir, "test.csv"))
	mase, chosen, n = map[string]float64{}, map[string]int{}, len(train)
	for id, v := range train {
		s := Series{Start: start, Step: time.Hour, Values: v}
		c, err := Choose(s, 48*time.Hour)
		if err != nil {
			tb.Fatalf("%s: %v", id, err)
		}
		name, _, _ := strings.Cut(c.Name, " of ")
		chosen[name]++
		mase["chosen"] += MASE(s, c.Model.Mean(48), test[id]) / float64(n)
		for _, f := range fitters(s) {
			m := f.fit(s)
			if m == nil {
				m = fitNaive(v, 24)
			}
			mase[f.name] += MASE(s, m.Mean(48), test[id]) / float64(n)
		}
	}
	return mase, chosen, n
}

// Published on this set: seasonal naive 1.19, AutoARIMA 0.92, Prophet 1.78.
func TestChosenModelBeatsSeasonalNaiveOnM4(t *testing.T) {
	mase, chosen, n := m4(t)
	for _, name := range slices.Sorted(maps.Keys(mase)) {
		t.Logf("%-28s MASE %.3f over %d series", name, mase[name], n)
	}
	t.Logf("chosen: %v", chosen)
	if mase["chosen"] >= 0.92 || mase["chosen"] >= mase[naive] {
		t.Errorf("the chosen model has MASE %.3f, seasonal naive %.3f; want below .92", mase["chosen"], mase[naive])
	}
}

func BenchmarkM4Hourly(b *testing.B) {
	for b.Loop() {
		mase, _, _ := m4(b)
		b.ReportMetric(mase["chosen"], "MASE")
		b.ReportMetric(mase[naive], "MASE-naive")
	}
}
