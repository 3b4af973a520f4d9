//go:build race

package dashboard_test

// closeBrowser: the race detector sees nothing of a browser, and building what drives one takes it minutes. What the pages read is raced without.
func closeBrowser() {}
