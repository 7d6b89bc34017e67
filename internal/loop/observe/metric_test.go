package observe

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A threshold that is a bound divides observations exactly, whatever the bounds are and wherever the values lie.
func TestBoundsDivideObservationsExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		scale := int32(rng.IntN(12) - 3)
		bound := math.Exp2(math.Ldexp(float64(rng.IntN(80)-40), -int(scale)))
		if math.IsInf(bound, 0) || bound == 0 {
			continue
		}
		bounds := []float64{bound / 3, bound, bound * 2}
		e := Explicit{Bounds: bounds, Counts: make([]uint64, 4)}
		x := Exponential{Scale: scale, Offset: -4096, Counts: make([]uint64, 8192), Zero: 3, Negative: 2}
		var want int64
		for range 100 {
			v := bound * math.Exp2(rng.Float64()*4-2)
			if rng.IntN(5) == 0 {
				v = bound
			}
			if v <= bound {
				want++
			}
			e.Counts[slices.IndexFunc(append(slices.Clone(bounds), math.Inf(1)), func(b float64) bool { return v <= b })]++
			power := math.Ldexp(math.Log2(v), int(scale))
			if v == bound {
				power = math.Round(power)
			}
			if i := int(math.Ceil(power)) - 1 + 4096; i >= 0 && i < len(x.Counts) {
				x.Counts[i]++
			} else {
				t.Fatalf("the test has no bucket for %v at scale %d", v, scale)
			}
		}
		if got, exact := e.UpTo(bound); got != want || !exact {
			t.Errorf("explicit up to %v: %d, %t, want %d", bound, got, exact, want)
		}
		if got, exact := x.UpTo(bound); got != want+5 || !exact {
			t.Errorf("scale %d up to %v: %d, %t, want %d", scale, bound, got, exact, want+5)
		}
	}
}

func TestThresholdWithinABucketTakesAShareAndSaysSo(t *testing.T) {
	for _, c := range []struct {
		d     Distribution
		v     float64
		want  int64
		exact bool
	}{
		{Explicit{[]float64{1, 5}, []uint64{10, 20, 4}}, 3, 20, false},
		{Explicit{[]float64{1, 5}, []uint64{10, 20, 4}}, 0.5, 5, false},
		{Explicit{[]float64{1, 5}, []uint64{10, 20, 4}}, 7, 30, false},
		{Explicit{[]float64{1, 5}, []uint64{10, 20, 0}}, 7, 30, true},
		{Explicit{[]float64{1, 5}, []uint64{10, 0, 4}}, 3, 10, true},
		{Explicit{[]float64{0.1, 0.1 + 0.2}, []uint64{1, 2, 4}}, 0.3, 3, true},
		{Exponential{Scale: 0, Offset: 0, Counts: []uint64{8, 8}}, math.Sqrt2, 4, false},
		{Exponential{Scale: 0, Offset: 3, Counts: []uint64{8}, Zero: 1}, 2, 1, true},
		{Exponential{Scale: 0, Offset: 0, Counts: []uint64{8}}, 100, 8, true},
	} {
		if got, exact := c.d.UpTo(c.v); got != c.want || exact != c.exact {
			t.Errorf("%+v up to %v: %d, %t; want %d, %t", c.d, c.v, got, exact, c.want, c.exact)
		}
	}
}

// More observations are never fewer up to a value: else a counter would seem to go back.
func FuzzUpTo(f *testing.F) {
	f.Add(0.5, 1.0, 4.0, uint16(3), uint16(5), int8(2), int8(-3))
	f.Fuzz(func(t *testing.T, v, a, b float64, n, more uint16, scale, offset int8) {
		if !(v > 0 && v < math.MaxFloat64) || !(a < b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
			return
		}
		for _, d := range [][2]Distribution{
			{Explicit{[]float64{a, b}, []uint64{uint64(n), uint64(n), 1}}, Explicit{[]float64{a, b}, []uint64{uint64(n), uint64(n) + uint64(more), 1}}},
			{Exponential{int32(scale % 20), int32(offset), []uint64{uint64(n), 1}, 1, 1}, Exponential{int32(scale % 20), int32(offset), []uint64{uint64(n) + uint64(more), 1}, 1, 1}},
		} {
			x, _ := d[0].UpTo(v)
			y, _ := d[1].UpTo(v)
			if x < 0 || y < x || y > x+int64(more) {
				t.Errorf("up to %v: %+v has %d, %+v has %d", v, d[0], x, d[1], y)
			}
		}
	})
}
