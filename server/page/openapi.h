/* openapi.h - openapi.yaml as it stood when the program was built. */
#ifndef OPENAPI_H
#define OPENAPI_H

extern const char openapi_document[];
extern const char openapi_document_end[]; /* the byte after it */

#endif
