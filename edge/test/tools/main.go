// Sends one POST with Go's own client: its address, its body, then headers as "name: value".
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	request, err := http.NewRequest("POST", os.Args[1], strings.NewReader(os.Args[2]))
	if err != nil {
		panic(err)
	}
	for _, header := range os.Args[3:] {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	roots := x509.NewCertPool()
	certificate, err := os.ReadFile(os.Getenv("CERTIFICATE"))
	if err != nil {
		panic(err)
	}
	roots.AppendCertsFromPEM(certificate)
	client := http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots},
	}}
	answer, err := client.Do(request)
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.Proto)
	fmt.Println(string(body))
}
