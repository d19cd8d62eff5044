// Where an answer ends: HTTP/1.1 (Content-Length or chunked) and RESP (one bulk string, or an error line).
package main

import (
	"bytes"
	"strconv"
)

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("content-length:")
	chunked       = []byte("transfer-encoding: chunked")
	lastChunk     = []byte("0\r\n\r\n")
	closing       = []byte("connection: close")
)

// endOfHttp returns length 0 while the answer is not complete.
func endOfHttp(answer []byte) (length int, status string, closes bool) {
	head := bytes.Index(answer, headEnd)
	if head < 0 || head < 12 {
		return 0, "", false
	}
	status = statusText(answer[9:12])
	lower := bytes.ToLower(answer[:head+2])
	closes = bytes.Contains(lower, closing)
	body := head + 4
	if at := bytes.Index(lower, contentLength); at >= 0 {
		value := lower[at+len(contentLength):]
		value = bytes.TrimSpace(value[:bytes.IndexByte(value, '\r')])
		size, err := strconv.Atoi(string(value))
		if err != nil || len(answer) < body+size {
			return 0, "", false
		}
		return body + size, status, closes
	}
	if bytes.Contains(lower, chunked) {
		if bytes.HasSuffix(answer[body:], lastChunk) {
			return len(answer), status, closes
		}
		return 0, "", false
	}
	return body, status, closes
}

// The one status that is expected costs no allocation.
func statusText(digits []byte) string {
	if string(digits) == "202" {
		return "202"
	}
	return string(digits)
}

// endOfResp: status is "bulk" for a bulk string and "error" for an error line.
func endOfResp(answer []byte) (length int, status string, closes bool) {
	line := bytes.IndexByte(answer, '\n')
	if line < 2 {
		return 0, "", false
	}
	if answer[0] != '$' {
		return line + 1, "error", false
	}
	size, err := strconv.Atoi(string(answer[1 : line-1]))
	if err != nil || size < 0 {
		return line + 1, "error", false
	}
	if len(answer) < line+1+size+2 {
		return 0, "", false
	}
	return line + 1 + size + 2, "bulk", false
}
