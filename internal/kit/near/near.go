// Package near finds the name that somebody probably meant. It knows spelling, not meaning.
package near

import "strings"

// To returns the candidate that is a small slip away from name, without regard to case, or "" when none is.
func To(name string, candidates []string) string {
	best, bestDistance := "", (len(name)+1)/2
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < bestDistance || d == 0 && best == "" {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is Levenshtein's: how many bytes must be put in, taken out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
