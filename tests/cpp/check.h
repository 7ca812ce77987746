// Ends a test program if a condition does not hold.
#pragma once
#include <cstdlib>
#include <iostream>

#define CHECK(what)                                                          \
  do {                                                                       \
    if (!(what)) {                                                           \
      std::cerr << __FILE__ << ':' << __LINE__ << ": " << #what << std::endl; \
      std::_Exit(1); /* no destructors: a thread may still run */            \
    }                                                                        \
  } while (0)
