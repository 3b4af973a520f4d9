package main

// didYouMean names the word that is nearest to what was written, as " (did you mean relay?)", if one is near.
func didYouMean(written string, words []string) string {
	if word := nearest(written, words); word != "" {
		return " (did you mean " + word + "?)"
	}
	return ""
}

// nearest is the word that takes the fewest changes, if that is no more than a third of its letters; the first of several.
func nearest(written string, words []string) string {
	best, least := "", len(written)/3+1
	for _, word := range words {
		if changes := distance(written, word); changes <= least && (best == "" || changes < least) {
			best, least = word, changes
		}
	}
	return best
}

// distance is how many letters have to be put in, left out, replaced or swapped with their neighbours to make b of a (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
